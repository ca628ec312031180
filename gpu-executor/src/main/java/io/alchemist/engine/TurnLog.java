package io.alchemist.engine;

import io.alchemist.serve.Turn;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** The last turns, by id: what feedback refers to. Bounded. Thread-safe. */
public final class TurnLog {
  private final Map<String, Turn> turns;

  TurnLog(int limit) {
    turns = new LinkedHashMap<>() {
      @Override
      protected boolean removeEldestEntry(Map.Entry<String, Turn> eldest) {
        return size() > limit;
      }
    };
  }

  synchronized void add(Turn turn) {
    turns.put(turn.id(), turn);
  }

  /** The turn of that id, if it is among the last. */
  public synchronized Optional<Turn> find(String id) {
    return Optional.ofNullable(turns.get(id));
  }
}
