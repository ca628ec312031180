package io.alchemist.engine;

import io.alchemist.cache.DeviceArena;
import io.alchemist.cache.Mover;
import io.alchemist.serve.RequestException;
import io.alchemist.serve.Server;
import io.alchemist.serve.Server.StepReport;
import io.alchemist.train.Slice;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The one thread that may touch the device. Each turn: what others asked for, one step of serving, then slices of training
 * while the budget allows. With nothing to do it sleeps until somebody calls.
 */
final class EngineLoop implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(EngineLoop.class);
  private static final int MAX_COMMANDS = 10_000;
  /** So many failures without a good turn between are no accident. */
  private static final int MAX_FAILURES = 20;
  /** How often copies under way are looked after when nothing else happens. */
  private static final long IDLE_MILLIS = 20;

  private static final long STATUS_NANOS = 200_000_000;

  private final BlockingQueue<Command<?>> commands = new LinkedBlockingQueue<>(MAX_COMMANDS);
  /** Does nothing but end a sleep. */
  private final Command<Boolean> wakeUp = new Command<>(() -> true, new CompletableFuture<>());

  private final AtomicBoolean woken = new AtomicBoolean();
  private final Server server;
  private final @Nullable Learner learner;
  private final Mover mover;
  private final DeviceArena arena;
  private final StepBudget budget;
  private final EngineMetrics metrics;
  private final Runnable refreshStatus;
  /** Whether there is something to serve, and the last step could compute none of it. */
  private boolean stalled;

  private long refreshedNanos;
  private final Thread thread;
  private int failuresInARow;
  private volatile @Nullable String failure;
  private volatile boolean closing;

  EngineLoop(
      String name,
      Server server,
      @Nullable Learner learner,
      Mover mover,
      DeviceArena arena,
      StepBudget budget,
      EngineMetrics metrics,
      Runnable refreshStatus) {
    this.server = server;
    this.learner = learner;
    this.mover = mover;
    this.arena = arena;
    this.budget = budget;
    this.metrics = metrics;
    this.refreshStatus = refreshStatus;
    this.thread = new Thread(this::run, name);
    thread.setDaemon(true);
  }

  void start() {
    thread.start();
  }

  /**
   * Runs something on the engine thread, between two steps.
   *
   * @return its result; fails when the engine is closed
   */
  <T> CompletableFuture<T> call(Callable<T> action) {
    Command<T> command = new Command<>(action, new CompletableFuture<>());
    if (!commands.offer(command)) {
      command.fail(MAX_COMMANDS + " calls wait for the engine, which is the limit.");
    }
    if (closing || failure != null) {
      failCommands();
    }
    return command.result();
  }

  /** Something to be run on the engine thread. */
  private record Command<T>(Callable<T> action, CompletableFuture<T> result) {
    void run() {
      try {
        result.complete(action.call());
      } catch (Exception | Error e) { // whoever waits must be told, whatever it was
        result.completeExceptionally(e);
      }
    }

    void fail(String why) {
      result.completeExceptionally(new IllegalStateException(why));
    }
  }

  /** Wakes the loop, e.g. because a slice that had to wait can run. Any thread. */
  void wake() {
    if (woken.compareAndSet(false, true)) {
      boolean unused = commands.offer(wakeUp); // where there is no room, nobody sleeps
    }
  }

  private void failCommands() {
    String why = failure == null ? "The engine is closed." : failure;
    Command<?> command = commands.poll();
    while (command != null) {
      command.fail(why);
      command = commands.poll();
    }
  }

  private void run() {
    while (!closing && failure == null) {
      try {
        turn();
        failuresInARow = 0;
      } catch (InterruptedException e) {
        fail("The engine's thread was interrupted.");
      } catch (RuntimeException | Error e) {
        metrics.loopFailures().increment();
        failuresInARow++;
        LOG.error("The engine's loop failed, {} times in a row", failuresInARow, e);
        if (failuresInARow == MAX_FAILURES) {
          fail("The engine's loop failed " + MAX_FAILURES + " times in a row, last with: " + e);
        }
      }
    }
  }

  /** Gives up: whoever waits is told, nobody is taken on any more. */
  private void fail(String why) {
    failure = why;
    LOG.error("The engine has stopped: {}", why);
    inOrder(
        "serving",
        () -> server.abort(
            new RequestException(RequestException.Kind.UNAVAILABLE, "engine_failed", null, why)));
    Learner training = learner;
    if (training != null) {
      inOrder("training", () -> training.abort(why));
    }
    failCommands();
  }

  /** Ends a part, though its memory may be in whatever state. */
  private static void inOrder(String part, Runnable end) {
    try {
      end.run();
    } catch (RuntimeException | Error e) {
      LOG.error("The engine's {} did not end in order", part, e);
    }
  }

  /** Why the loop gave up, or null while it runs. Any thread. */
  @Nullable
  String failure() {
    return failure;
  }

  private void turn() throws InterruptedException {
    woken.set(false);
    runCommands();
    boolean quiet = server.demand().prompts() == 0;
    // Whoever got no page may be waiting for one that is being copied.
    mover.poll(quiet || stalled);
    if (quiet) {
      copyAhead();
    }
    if (isStatusOld()) {
      refreshStatus.run();
      refreshedNanos = System.nanoTime();
    }
    boolean busy = server.hasWork() && serve();
    // Sequences that got no page wait for training to let go of some: it must go on, whatever the
    // time.
    stalled = server.hasWork() && !busy;
    if (learner != null && learner.isReady()) {
      busy |= train(learner);
    } else {
      budget.nothingToTrain(System.nanoTime());
    }
    if (!busy) {
      Command<?> command = commands.poll(IDLE_MILLIS, TimeUnit.MILLISECONDS);
      if (command != null) {
        command.run();
      }
    }
  }

  private boolean isStatusOld() {
    return System.nanoTime() - refreshedNanos > STATUS_NANOS;
  }

  /**
   * Sees to it that of what keys and values leave to activations, a quarter to a half is free or has a host copy, so that they
   * get it back at once and nothing is lost. While a prompt waits or is being prefilled no copy begins: it would take time from
   * it, and what waits to be copied can't be given up.
   */
  private void copyAhead() {
    long share = arena.activationLimitBytes();
    long room = Math.min(share, arena.sizeBytes() - arena.kvBytes());
    mover.balance(Math.max(0, room - share / 4), Math.max(0, room - share / 2));
  }

  private void runCommands() {
    Command<?> command = commands.poll();
    while (command != null) {
      command.run();
      command = commands.poll();
    }
  }

  private boolean serve() {
    long start = System.nanoTime();
    StepReport report = server.step();
    long end = System.nanoTime();
    if (report.rows() > 0) {
      budget.stepTook(report, end, end - start);
      metrics.step(report, end - start);
    }
    return report.rows() > 0;
  }

  /** Slices while they fit and nobody calls; a stalled step is tried again after each. */
  private boolean train(Learner ready) {
    boolean any = false;
    while (!closing
        && ready.isReady()
        && !isCalled()
        && !(any && isStatusOld())
        && (stalled || fits(ready))) {
      Slice kind = ready.nextSlice();
      int rows = ready.nextRows();
      long start = System.nanoTime();
      ready.runSlice();
      long end = System.nanoTime();
      budget.sliceTook(kind, rows, end, end - start);
      metrics.slice(end - start);
      any = true;
      if (stalled) {
        break;
      }
      mover.poll(server.demand().prompts() == 0);
    }
    return any;
  }

  /** Whether somebody wants something; what merely wakes the loop has done so. */
  private boolean isCalled() {
    if (commands.remove(wakeUp)) {
      woken.set(false);
    }
    return !commands.isEmpty();
  }

  private boolean fits(Learner ready) {
    return budget.allows(ready.nextSlice(), ready.nextRows(), server.demand(), System.nanoTime());
  }

  /** Ends the loop after its current turn and waits for it; then fails what was still asked for. */
  @Override
  public void close() {
    closing = true;
    wake();
    boolean interrupted = false;
    while (true) {
      try {
        thread.join();
        break;
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    failCommands();
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
