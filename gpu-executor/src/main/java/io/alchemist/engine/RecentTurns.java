package io.alchemist.engine;

import io.alchemist.serve.Turn;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** The last turns, by id: what feedback refers to. Bounded in turns and in tokens. Thread-safe. */
public final class RecentTurns {
  /** Tokens kept for each turn, on the whole. */
  private static final int TOKENS_PER_TURN = 1024;

  private final int maxTurns;
  private final long maxTokens;
  private final Map<String, Turn> turns = new LinkedHashMap<>();
  private long tokens;

  RecentTurns(int maxTurns) {
    this.maxTurns = maxTurns;
    this.maxTokens = (long) maxTurns * TOKENS_PER_TURN;
  }

  /** Remembers a turn, unless nothing was answered. */
  synchronized void add(Turn turn) {
    if (turn.completion().length == 0) {
      return;
    }
    Turn before = turns.put(turn.id(), turn);
    tokens += size(turn) - (before == null ? 0 : size(before));
    Iterator<Turn> oldest = turns.values().iterator();
    while (turns.size() > maxTurns || (tokens > maxTokens && turns.size() > 1)) {
      tokens -= size(oldest.next());
      oldest.remove();
    }
  }

  private static int size(Turn turn) {
    return turn.prompt().length + turn.completion().length;
  }

  /** The turn of that id, if it is among the last. */
  public synchronized Optional<Turn> find(String id) {
    return Optional.ofNullable(turns.get(id));
  }
}
