package io.alchemist.spark.router;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** A fleet that tests write down. */
final class FakeFleet implements Backends {
  private volatile List<Backend> all = List.of();
  final List<String> unreachable = new CopyOnWriteArrayList<>();

  void set(Backend... backends) {
    all = List.of(backends);
  }

  void set(List<Backend> backends) {
    all = List.copyOf(backends);
  }

  @Override
  public List<Backend> all() {
    return all;
  }

  @Override
  public void unreachable(Backend backend, String why) {
    unreachable.add(backend.id() + ": " + why);
  }
}
