package io.alchemist.spark.fleet;

import io.alchemist.spark.fleet.Member.State;
import io.alchemist.weights.AdapterData;
import java.time.Duration;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import org.apache.spark.broadcast.Broadcast;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The executors that have reported, and the version they are to serve. An executor that is behind, because it is new or was away,
 * is sent the version again until it serves it.
 *
 * <p>Thread-safe: one lock over the table of executors, never held while anything is sent.
 */
public final class Fleet {
  private static final Logger LOG = LoggerFactory.getLogger(Fleet.class);
  private static final Duration PUBLISH_LIMIT = Duration.ofSeconds(60);
  private static final long SUSPICION_NANOS = TimeUnit.SECONDS.toNanos(3);
  private static final long SUSPICION_CHECK_MILLIS = 100;
  /** Executors that are gone are shown for a while, so many of them. */
  private static final int MAX_GONE = 50;

  private final Object lock = new Object();
  private final Consumer<String> onFailed;
  private final Map<String, Seat> seats = new LinkedHashMap<>();
  private @Nullable Wanted wanted;

  /** What the executors are to serve; without an adapter it is the one that every engine begins with. */
  private record Wanted(long version, @Nullable Broadcast<Packed<AdapterData>> adapter) {}

  /** One executor. Guarded by the lock. */
  private static final class Seat {
    final String id;
    final String host;
    final int port;
    final String device;
    /** Null where there is no engine to talk to, or the executor is gone. */
    @Nullable
    Link link;

    State state;
    String detail;
    ExecutorReport report = ExecutorReport.NONE;
    long collected;
    long suspectUntilNanos = System.nanoTime();
    boolean publishing;

    Seat(
        String id,
        String host,
        int port,
        String device,
        @Nullable Link link,
        State state,
        String detail) {
      this.id = id;
      this.host = host;
      this.port = port;
      this.device = device;
      this.link = link;
      this.state = state;
      this.detail = detail;
    }

    boolean alive() {
      return link != null
          && (state == State.STARTING || state == State.READY || state == State.DRAINING);
    }

    Member member(long nowNanos) {
      boolean suspect = state == State.READY && suspectUntilNanos - nowNanos > 0;
      return new Member(
          id,
          host,
          port,
          device,
          suspect ? State.STARTING : state,
          suspect ? "Could not be reached a moment ago." : detail,
          report,
          collected);
    }
  }

  /** A fleet of nobody yet. */
  public Fleet() {
    this(executorId -> {});
  }

  /**
   * Likewise.
   *
   * @param onFailed told of an executor whose engine has served and stopped
   */
  public Fleet(Consumer<String> onFailed) {
    this.onFailed = onFailed;
  }

  /** An executor's engine serves. */
  public void ready(Message.Ready hello, Link link) {
    synchronized (lock) {
      Seat seat = new Seat(
          hello.executorId(),
          hello.host(),
          hello.port(),
          hello.device(),
          link,
          State.STARTING,
          "Waits for its first version.");
      Seat before = seats.remove(seat.id);
      if (before != null) {
        // It says so again where its first message was answered too late.
        seat.collected = before.collected;
      }
      seats.put(seat.id, seat);
      settle(seat);
      lock.notifyAll();
    }
    LOG.info(
        "Executor {} serves {} at {}:{} on {}",
        hello.executorId(),
        hello.model(),
        hello.host(),
        hello.port(),
        hello.device());
    bringUp();
  }

  /** An executor's engine can't start. */
  public void failed(Message.Failed hello) {
    LOG.error(
        "Executor {} on {} can't serve: {}", hello.executorId(), hello.host(), hello.reason());
    synchronized (lock) {
      seats.put(
          hello.executorId(),
          new Seat(hello.executorId(), hello.host(), 0, "", null, State.FAILED, hello.reason()));
      forgetOldest();
      lock.notifyAll();
    }
  }

  /** An executor is gone. */
  public void lost(String executorId, String why) {
    synchronized (lock) {
      Seat seat = seats.get(executorId);
      if (seat != null) {
        seat.link = null;
        if (seat.state != State.FAILED) { // why it failed says more
          seat.state = State.LOST;
          seat.detail = why;
        }
        LOG.warn("Executor {} is gone: {}", executorId, why);
      }
      forgetOldest();
      lock.notifyAll();
    }
  }

  /** Under the lock. */
  private void forgetOldest() {
    List<String> gone =
        seats.values().stream().filter(s -> s.link == null).map(s -> s.id).toList();
    gone.stream().limit(Math.max(0, gone.size() - MAX_GONE)).forEach(seats::remove);
  }

  /** An executor could not be reached: for a few seconds, or until it reports, no request is to be sent to it. */
  public void unreachable(String executorId) {
    synchronized (lock) {
      Seat seat = seats.get(executorId);
      if (seat != null) {
        seat.suspectUntilNanos = System.nanoTime() + SUSPICION_NANOS;
      }
    }
  }

  /** An executor has told how it is. */
  void reported(String executorId, ExecutorReport report) {
    boolean failed = !report.failure().isEmpty();
    synchronized (lock) {
      Seat seat = seats.get(executorId);
      if (seat == null || !seat.alive()) {
        return;
      }
      seat.report = report;
      seat.suspectUntilNanos = System.nanoTime();
      if (failed) {
        seat.state = State.FAILED;
        seat.detail = report.failure();
        LOG.error("The engine of executor {} has stopped: {}", executorId, report.failure());
      } else if (report.draining()) {
        seat.state = State.DRAINING;
        seat.detail = "Finishes what it has.";
      } else {
        settle(seat);
      }
      lock.notifyAll();
    }
    if (failed) {
      onFailed.accept(executorId);
    }
    bringUp();
  }

  /**
   * Up to which number what an executor had is in the tables.
   *
   * @throws IllegalStateException when it is not known any more
   */
  long collectedUpTo(String executorId) {
    synchronized (lock) {
      Seat seat = seats.get(executorId);
      if (seat == null) {
        throw new IllegalStateException("Executor " + executorId
            + " has been gone for long: what it has may be in the tables already.");
      }
      return seat.collected;
    }
  }

  /** What came up to that number is in the tables. */
  void collected(String executorId, long upTo) {
    synchronized (lock) {
      Seat seat = seats.get(executorId);
      if (seat != null) {
        seat.collected = upTo;
      }
    }
  }

  /** A new executor is ready once it serves what all do. Under the lock. */
  private void settle(Seat seat) {
    if (seat.state == State.STARTING && wanted != null) {
      boolean first = wanted.adapter == null;
      if (first || seat.report.version() >= wanted.version) {
        seat.state = State.READY;
        seat.detail = "";
      }
    }
  }

  /** All executors, in the order in which they reported. */
  public List<Member> members() {
    synchronized (lock) {
      long now = System.nanoTime();
      return seats.values().stream().map(seat -> seat.member(now)).toList();
    }
  }

  /** Those that can be asked something, with the way to them; also where the engine has failed but its answers are there. */
  Map<Member, Link> reachable() {
    Map<Member, Link> all = new LinkedHashMap<>();
    synchronized (lock) {
      long now = System.nanoTime();
      for (Seat seat : seats.values()) {
        Link link = seat.link;
        if (link != null) {
          all.put(seat.member(now), link);
        }
      }
    }
    return all;
  }

  /** Executors that serve, by id. */
  public List<Member> ready() {
    return members().stream()
        .filter(member -> member.state() == State.READY)
        .sorted(Comparator.comparing(Member::executorId))
        .toList();
  }

  /**
   * From now on all are to serve this version.
   *
   * @param adapter its values, or null for the one that every engine begins with
   */
  public void serve(long version, @Nullable Broadcast<Packed<AdapterData>> adapter) {
    synchronized (lock) {
      wanted = new Wanted(version, adapter);
      seats.values().forEach(this::settle);
      lock.notifyAll();
    }
    bringUp();
  }

  /** Sends the version to whoever doesn't serve it. */
  private void bringUp() {
    Wanted version;
    Map<Seat, Link> behind = new LinkedHashMap<>();
    synchronized (lock) {
      version = wanted;
      if (version == null || version.adapter == null) {
        return;
      }
      for (Seat seat : seats.values()) {
        Link link = seat.link;
        if (link != null
            && seat.alive()
            && !seat.publishing
            && seat.report.version() < version.version) {
          seat.publishing = true;
          behind.put(seat, link);
        }
      }
    }
    Broadcast<Packed<AdapterData>> adapter = version.adapter;
    behind.forEach((seat, link) -> publish(seat, link, version.version, adapter));
  }

  private void publish(Seat seat, Link link, long version, Broadcast<Packed<AdapterData>> adapter) {
    CompletionStage<Void> unused = link.ask(new Message.Publish(version, adapter), PUBLISH_LIMIT)
        .handle((done, failure) -> {
          published(seat, version, failure);
          return null;
        });
  }

  private void published(Seat seat, long version, @Nullable Throwable failure) {
    synchronized (lock) {
      seat.publishing = false;
      if (failure == null) {
        // A report of a newer one may have come first.
        seat.report = seat.report.at(Math.max(seat.report.version(), version));
        settle(seat);
        lock.notifyAll();
      }
    }
    if (failure == null) {
      bringUp(); // meanwhile there may be a newer one
    } else {
      // Its next report tells that it is behind.
      LOG.warn("Executor {} did not take version {}; it is sent again", seat.id, version, failure);
    }
  }

  /**
   * Waits until so many executors serve.
   *
   * @throws IllegalStateException at once when an executor can't serve, saying why
   * @throws TimeoutException when the time is up, saying who is there
   */
  public void awaitReady(int count, Duration limit) throws InterruptedException, TimeoutException {
    long deadline = System.nanoTime() + limit.toNanos();
    synchronized (lock) {
      while (true) {
        for (Seat seat : seats.values()) {
          if (seat.state == State.FAILED) {
            throw new IllegalStateException(
                "Executor " + seat.id + " on " + seat.host + " can't serve: " + seat.detail);
          }
        }
        long serving =
            seats.values().stream().filter(s -> s.state == State.READY).count();
        if (serving >= count) {
          return;
        }
        long left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
        if (left <= 0) {
          throw new TimeoutException(
              "After " + limit.toSeconds() + " s " + serving + " of " + count
                  + " executors serve. Look at the executors' logs; give them more time with"
                  + " spark.alchemist.executors.startTimeout, or ask for fewer with spark.alchemist.executors.min.");
        }
        lock.wait(left);
      }
    }
  }

  /**
   * Executors that serve, as soon as there is one.
   *
   * @return as {@link #ready}; empty when none did within the limit
   */
  public List<Member> awaitAnyReady(Duration limit) throws InterruptedException {
    long deadline = System.nanoTime() + limit.toNanos();
    synchronized (lock) {
      while (true) {
        List<Member> serving = ready();
        long left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
        if (!serving.isEmpty() || left <= 0) {
          return serving;
        }
        lock.wait(Math.min(left, SUSPICION_CHECK_MILLIS)); // suspicion ends by itself
      }
    }
  }

  /**
   * Waits until all that serve are at a version, e.g. for a test or a report.
   *
   * @return whether they were within the limit
   */
  public boolean awaitVersion(long version, Duration limit) throws InterruptedException {
    long deadline = System.nanoTime() + limit.toNanos();
    synchronized (lock) {
      while (seats.values().stream()
          .anyMatch(seat -> seat.alive() && seat.report.version() < version)) {
        long left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
        if (left <= 0) {
          return false;
        }
        lock.wait(left);
      }
      return true;
    }
  }

  /** Tells all to take no more requests. */
  public void drain() {
    reachable().forEach((member, link) -> {
      CompletionStage<Void> unused = link.ask(new Message.Drain(), PUBLISH_LIMIT)
          .handle((done, failure) -> {
            if (failure != null) {
              LOG.warn(
                  "Executor {} did not hear that it is to drain", member.executorId(), failure);
            }
            return null;
          });
    });
  }
}
