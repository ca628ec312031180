package io.alchemist.tensor;

/** One block of memory held by a scope. */
final class Allocation {
  private final MemoryScope scope;
  private final String name;
  private final Storage storage;
  private final long sizeBytes;

  Allocation(MemoryScope scope, String name, Storage storage, long sizeBytes) {
    this.scope = scope;
    this.name = name;
    this.storage = storage;
    this.sizeBytes = sizeBytes;
  }

  String name() {
    return name;
  }

  Storage storage() {
    return storage;
  }

  long sizeBytes() {
    return sizeBytes;
  }

  void release() {
    scope.release(this);
  }
}
