package io.alchemist.engine;

import io.alchemist.cache.Mover;
import io.alchemist.serve.Server;
import io.alchemist.serve.Server.StepReport;
import io.alchemist.train.Trainer;
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
  /** How often copies under way are looked after when nothing else happens. */
  private static final long IDLE_MILLIS = 20;

  private static final long STATUS_NANOS = 200_000_000;

  private final BlockingQueue<Command<?>> commands = new LinkedBlockingQueue<>(MAX_COMMANDS);
  private final AtomicBoolean woken = new AtomicBoolean();
  private final Server server;
  private final @Nullable Trainer trainer;
  private final Mover mover;
  private final long activationBytes;
  private final StepBudget budget;
  private final EngineMetrics metrics;
  private final Runnable refreshStatus;
  private long refreshedNanos;
  private final Thread thread;
  private volatile boolean closing;

  EngineLoop(
      String name,
      Server server,
      @Nullable Trainer trainer,
      Mover mover,
      long activationBytes,
      StepBudget budget,
      EngineMetrics metrics,
      Runnable refreshStatus) {
    this.server = server;
    this.trainer = trainer;
    this.mover = mover;
    this.activationBytes = activationBytes;
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
    if (closing) {
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
      CompletableFuture<Boolean> unused = call(() -> true);
    }
  }

  private void failCommands() {
    Command<?> command = commands.poll();
    while (command != null) {
      command.fail("The engine is closed.");
      command = commands.poll();
    }
  }

  private void run() {
    while (!closing) {
      try {
        turn();
      } catch (InterruptedException e) {
        return;
      } catch (RuntimeException | Error e) {
        LOG.error("The engine's loop failed once and goes on", e);
        metrics.loopFailures().increment();
      }
    }
  }

  private void turn() throws InterruptedException {
    woken.set(false);
    runCommands();
    mover.poll();
    mover.balance(activationBytes * 3 / 4, activationBytes / 2);
    if (System.nanoTime() - refreshedNanos > STATUS_NANOS) {
      refreshStatus.run();
      refreshedNanos = System.nanoTime();
    }
    boolean busy = false;
    if (server.hasWork()) {
      busy = serve();
    }
    boolean training = trainer != null && trainer.isReady();
    if (training && trainer != null) {
      busy |= train(trainer, busy);
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

  /** Slices while they fit; at least a look after each step. Commands waiting end the round. */
  private boolean train(Trainer ready, boolean serving) {
    boolean any = false;
    while (ready.isReady()
        && commands.isEmpty()
        && budget.allows(ready.rows(), serving && server.isPrefilling(), System.nanoTime())) {
      int rows = ready.rows();
      long start = System.nanoTime();
      ready.runSlice();
      long end = System.nanoTime();
      budget.sliceTook(rows, end, end - start);
      metrics.slice(end - start);
      any = true;
      if (server.hasWork()) {
        break;
      }
      mover.poll();
    }
    return any;
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
