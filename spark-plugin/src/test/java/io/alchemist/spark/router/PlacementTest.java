package io.alchemist.spark.router;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class PlacementTest {
  private static final int CONVERSATIONS = 3_000;

  private final FakeFleet fleet = new FakeFleet();
  private final Placement placement = new Placement(fleet);

  @Test
  void conversationsSpreadEvenly() {
    fleet.set(ready(5));
    Map<String, Integer> counts = new HashMap<>();
    for (int i = 0; i < CONVERSATIONS; i++) {
      counts.merge(first(i), 1, Integer::sum);
    }
    assertThat(counts).hasSize(5);
    assertThat(counts.values()).allSatisfy(count -> assertThat(count).isBetween(500, 700));
  }

  @Test
  void aLostBackendMovesItsOwnConversationsOnly() {
    fleet.set(ready(5));
    List<String> before =
        IntStream.range(0, CONVERSATIONS).mapToObj(this::first).toList();
    List<Backend> fewer = new ArrayList<>(ready(5));
    fewer.set(2, backend("2", Backend.State.DRAINING, 0));
    fleet.set(fewer);
    Map<String, Integer> heirs = new HashMap<>();
    for (int i = 0; i < CONVERSATIONS; i++) {
      if (before.get(i).equals("2")) {
        heirs.merge(first(i), 1, Integer::sum);
      } else {
        assertThat(first(i)).isEqualTo(before.get(i));
      }
    }
    assertThat(heirs).containsOnlyKeys("0", "1", "3", "4");
    fleet.set(ready(5));
    assertThat(IntStream.range(0, CONVERSATIONS).mapToObj(this::first).toList()).isEqualTo(before);
  }

  @Test
  void theOrderOfTheFleetDoesNotMatter() {
    fleet.set(backend("a", Backend.State.READY, 0), backend("b", Backend.State.READY, 0));
    String home = first(7);
    fleet.set(backend("b", Backend.State.READY, 0), backend("a", Backend.State.READY, 0));
    assertThat(first(7)).isEqualTo(home);
  }

  @Test
  void aBackendFarAboveTheMeanComesLast() {
    fleet.set(ready(3));
    List<String> order = ids(7);
    // Mean 2, so up to 8 are fine.
    fleet.set(withLoad(order.get(0), 6));
    assertThat(ids(7)).isEqualTo(order);
    // Mean 5, so up to 14 are fine.
    fleet.set(withLoad(order.get(0), 15));
    assertThat(ids(7)).containsExactly(order.get(1), order.get(2), order.get(0));
  }

  @Test
  void whatIsInFlightCountsBeforeItIsReported() {
    fleet.set(ready(3));
    List<String> order = ids(7);
    Backend home = placement.choices(OptionalLong.of(7)).get(0);
    for (int i = 0; i < 15; i++) {
      placement.started(home);
    }
    assertThat(first(7)).isEqualTo(order.get(1));
    for (int i = 0; i < 15; i++) {
      placement.ended(home);
    }
    assertThat(first(7)).isEqualTo(order.get(0));
    assertThat(placement.inFlight(home)).isZero();
  }

  @Test
  void withoutAConversationBackendsTakeTurns() {
    List<Backend> all = new ArrayList<>(ready(3));
    all.add(backend("x", Backend.State.FAILED, 0));
    fleet.set(all);
    List<String> firsts = IntStream.range(0, 6)
        .mapToObj(i -> placement.choices(OptionalLong.empty()).get(0).id())
        .toList();
    assertThat(firsts).containsExactly("0", "1", "2", "0", "1", "2");
  }

  @Test
  void noneIsReady() {
    fleet.set(backend("x", Backend.State.STARTING, 0));
    assertThat(placement.choices(OptionalLong.of(1))).isEmpty();
  }

  private String first(long conversation) {
    return ids(conversation).get(0);
  }

  private List<String> ids(long conversation) {
    return placement.choices(OptionalLong.of(conversation)).stream()
        .map(Backend::id)
        .toList();
  }

  private static List<Backend> withLoad(String id, int load) {
    return ready(3).stream()
        .map(one -> one.id().equals(id) ? backend(id, Backend.State.READY, load) : one)
        .toList();
  }

  private static List<Backend> ready(int count) {
    return IntStream.range(0, count)
        .mapToObj(i -> backend(Integer.toString(i), Backend.State.READY, 0))
        .toList();
  }

  private static Backend backend(String id, Backend.State state, int load) {
    return new Backend(id, "host", 1, state, load, 1, "");
  }
}
