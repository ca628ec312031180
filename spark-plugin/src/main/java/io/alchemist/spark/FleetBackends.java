package io.alchemist.spark;

import io.alchemist.spark.fleet.Fleet;
import io.alchemist.spark.fleet.Member;
import io.alchemist.spark.router.Backend;
import io.alchemist.spark.router.Backends;
import java.util.List;

/** The fleet, as the router asks for it. Thread-safe. */
final class FleetBackends implements Backends {
  private final Fleet fleet;

  FleetBackends(Fleet fleet) {
    this.fleet = fleet;
  }

  @Override
  public List<Backend> all() {
    return fleet.members().stream().map(FleetBackends::backend).toList();
  }

  private static Backend backend(Member member) {
    return new Backend(
        member.executorId(),
        member.host(),
        member.port(),
        switch (member.state()) {
          case STARTING -> Backend.State.STARTING;
          case READY -> Backend.State.READY;
          case DRAINING -> Backend.State.DRAINING;
          case FAILED -> Backend.State.FAILED;
          case LOST -> Backend.State.UNREACHABLE;
        },
        member.report().running() + member.report().waiting(),
        member.report().version(),
        member.detail());
  }

  @Override
  public void unreachable(Backend backend, String why) {
    fleet.unreachable(backend.id());
  }
}
