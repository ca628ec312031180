package io.alchemist.bench;

import io.alchemist.engine.Engine;
import io.alchemist.serve.Turn;
import io.alchemist.train.GradientReport;
import io.alchemist.train.Reuse;
import io.alchemist.train.TrainingExample;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * Training that never runs dry: while it is on, two jobs are queued or under way, each of turns that were served lately, so
 * that their gradient comes from what serving logged. Thread-safe.
 */
final class Backlog {
  private static final int TURNS = 16;
  private static final int JOBS = 2;

  private final Engine engine;
  private final int jobTokens;
  private final Deque<Turn> turns = new ArrayDeque<>();
  private final List<CompletableFuture<GradientReport>> jobs = new ArrayList<>();
  private GradientReport done = GradientReport.NOTHING;
  private boolean on;

  /** With jobs of so many tokens at most: one micro-batch each. */
  Backlog(Engine engine, int jobTokens) {
    this.engine = engine;
    this.jobTokens = jobTokens;
  }

  /** Takes in a turn, if it fits a job; the oldest go. */
  synchronized void served(Turn turn) {
    if (tokens(turn) > jobTokens) {
      return;
    }
    if (turns.size() == TURNS) {
      turns.removeFirst();
    }
    turns.addLast(turn);
  }

  private static int tokens(Turn turn) {
    return turn.prompt().length + turn.completion().length;
  }

  /**
   * Turns the backlog on.
   *
   * @throws IllegalStateException when no turn was served that fits a job
   */
  synchronized void start() {
    if (turns.isEmpty()) {
      throw new IllegalStateException("No turn that was served fits a micro-batch of " + jobTokens
          + " tokens, so there is nothing to train. Raise the micro-batch, or scale lengths down.");
    }
    on = true;
    done = GradientReport.NOTHING;
    jobs.clear();
    for (int i = 0; i < JOBS; i++) {
      jobs.add(next());
    }
  }

  private synchronized CompletableFuture<GradientReport> next() {
    List<TrainingExample> examples = new ArrayList<>();
    int room = jobTokens;
    for (int i = 0; i < turns.size() && tokens(turns.getFirst()) <= room; i++) {
      Turn turn = turns.removeFirst();
      turns.addLast(turn); // to be trained again if no new ones come
      room -= tokens(turn);
      examples.add(
          TrainingExample.completion(turn.id(), turn.prompt(), turn.completion(), turn.version()));
    }
    return engine.accumulate(examples, Reuse.LOGGED).thenCompose(this::ended);
  }

  private synchronized CompletableFuture<GradientReport> ended(GradientReport report) {
    done = done.plus(report);
    return on ? next() : CompletableFuture.completedFuture(report);
  }

  /** What was trained since it was turned on. */
  synchronized GradientReport done() {
    return done;
  }

  /** Turns it off, waits for the jobs under way and drops their gradient. */
  void stop() {
    List<CompletableFuture<GradientReport>> last;
    synchronized (this) {
      on = false;
      last = List.copyOf(jobs);
    }
    last.forEach(CompletableFuture::join);
    engine.takeGradient().join();
  }
}
