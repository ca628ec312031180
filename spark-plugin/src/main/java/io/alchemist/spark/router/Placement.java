package io.alchemist.spark.router;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Says where a request goes. A conversation's choices are ordered by rendezvous hashing: each backend has a score that
 * depends on the conversation and on itself only, so a backend that leaves moves nobody's conversations but its own, and gets
 * them back when it returns. Requests without a conversation take turns. In both cases a backend that is far busier than the
 * mean comes after all that are not (Mirrokni et al., "Consistent Hashing with Bounded Loads", 2018). Thread-safe.
 */
final class Placement {
  private static final int MEANS = 2;
  /** With little to do everywhere, sharing a prefix is worth more than an even spread. */
  private static final int SLACK = 4;

  private final Backends backends;
  private final Map<String, Integer> inFlight = new ConcurrentHashMap<>();
  private final AtomicInteger turn = new AtomicInteger();

  Placement(Backends backends) {
    this.backends = backends;
  }

  /** The READY backends, in the order in which they are to be tried. */
  List<Backend> choices(OptionalLong conversation) {
    List<Backend> ready = new ArrayList<>(backends.all());
    ready.removeIf(backend -> backend.state() != Backend.State.READY);
    if (ready.size() < 2) {
      return ready;
    }
    ready.sort(Comparator.comparing(Backend::id));
    return notTooBusyFirst(
        conversation.isPresent() ? byScore(ready, conversation.getAsLong()) : byTurn(ready));
  }

  /** Counts a request in that is sent to a backend, so that a burst is seen before its load is reported. */
  void started(Backend backend) {
    inFlight.merge(backend.id(), 1, Integer::sum);
  }

  void ended(Backend backend) {
    inFlight.computeIfPresent(backend.id(), (id, count) -> count == 1 ? null : count - 1);
  }

  /** Requests of this router that the backend has not answered to their end. */
  int inFlight(Backend backend) {
    return inFlight.getOrDefault(backend.id(), 0);
  }

  private static List<Backend> byScore(List<Backend> ready, long conversation) {
    Map<Backend, Long> scores = new HashMap<>();
    for (Backend backend : ready) {
      scores.put(backend, Hash.mix(conversation ^ Hash.of(backend.id())));
    }
    List<Backend> ordered = new ArrayList<>(ready);
    // Stable, so that equal scores stay in the order of ids.
    ordered.sort(Comparator.<Backend, Long>comparing(scores::get).reversed());
    return ordered;
  }

  private List<Backend> byTurn(List<Backend> ready) {
    int first = Math.floorMod(turn.getAndIncrement(), ready.size());
    List<Backend> ordered = new ArrayList<>(ready.subList(first, ready.size()));
    ordered.addAll(ready.subList(0, first));
    return ordered;
  }

  private List<Backend> notTooBusyFirst(List<Backend> ordered) {
    Map<Backend, Integer> loads = new HashMap<>();
    long total = 0;
    for (Backend backend : ordered) {
      // What is reported includes what is in flight here, but may be older.
      int load = Math.max(backend.load(), inFlight(backend));
      loads.put(backend, load);
      total += load;
    }
    double most = (double) MEANS * total / ordered.size() + SLACK;
    List<Backend> result = new ArrayList<>(ordered);
    result.sort(Comparator.comparing(backend -> loads.getOrDefault(backend, 0) > most));
    return result;
  }
}
