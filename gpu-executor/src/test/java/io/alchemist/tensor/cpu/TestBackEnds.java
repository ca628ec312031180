package io.alchemist.tensor.cpu;

/** One back end of each kind for all tests of this package; their threads are daemons and end with the process. */
final class TestBackEnds {
  static final CpuOps VECTOR = CpuOps.create(2, 1L << 30);
  static final CpuOps PLAIN = CpuOps.createPlain(2, 1L << 30);

  private TestBackEnds() {}
}
