package io.alchemist.spark.fleet;

import io.alchemist.feedback.Table;
import io.alchemist.feedback.Txn;
import io.alchemist.spark.fleet.Message.Parcel;
import java.sql.Timestamp;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings what executors have answered and been told into the tables: fetches from all of them, commits turns and then feedback, so that a
 * feedback never overtakes its turn, and confirms. What can't be committed is tried again, as the same transaction, before
 * anything else is fetched.
 *
 * <p>Thread-safe; a thread of its own does the regular rounds.
 */
public final class Collector implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Collector.class);
  private static final Duration ASK_LIMIT = Duration.ofSeconds(5);
  private static final long MAX_BYTES_EACH = 8L << 20;
  private static final long CLOSE_MILLIS = 30_000;

  private final Fleet fleet;
  private final Ledger ledger;
  /** Names its transactions. */
  private final String name;

  private final long intervalMillis;
  private final Runnable afterEach;
  private final Thread thread;
  /** What was fetched and is not in the tables, by executor. */
  private final Map<String, Parcel> uncommitted = new LinkedHashMap<>();
  /** What is in the tables, and the executors don't know it yet. */
  private final Map<String, Long> unconfirmed = new LinkedHashMap<>();

  private long transaction;
  private volatile boolean closing;

  /** Where everything is committed. */
  @FunctionalInterface
  public interface Ledger {
    /** Appends rows to a table; nothing where {@code txn} was done before. */
    void append(Table table, List<Row> rows, Txn txn);
  }

  /**
   * Begins to collect.
   *
   * @param ledger the tables
   * @param applicationId begins the name of its transactions, so that one knows whose they were
   * @param intervalMillis between two fetches
   * @param afterEach called after each fetch, on the collector's thread
   */
  public Collector(
      Fleet fleet, Ledger ledger, String applicationId, long intervalMillis, Runnable afterEach) {
    this.fleet = fleet;
    this.ledger = ledger;
    // An application id comes again: in a second job of a session, in a second attempt under YARN.
    this.name = applicationId + "-" + UUID.randomUUID();
    this.intervalMillis = intervalMillis;
    this.afterEach = afterEach;
    this.thread = new Thread(this::run, "alchemist-collector");
    thread.setDaemon(true);
    thread.start();
  }

  private void run() {
    while (!closing) {
      long start = System.nanoTime();
      try {
        collectAll();
        afterEach.run();
      } catch (Exception e) { // Spark and Delta throw checked ones that they don't declare
        LOG.warn("Turns and feedback could not be committed; they are kept and tried again", e);
      }
      long left = intervalMillis - TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start);
      synchronized (thread) {
        try {
          if (!closing && left > 0) {
            thread.wait(left);
          }
        } catch (InterruptedException e) {
          return;
        }
      }
    }
  }

  /**
   * Fetches from every executor once, and commits.
   *
   * @return whether one of them has more
   */
  public synchronized boolean collect() {
    commit();
    Map<Member, Link> executors = fleet.reachable();
    Map<Member, CompletableFuture<Message>> asked = new LinkedHashMap<>();
    executors.forEach((member, link) -> asked.put(
        member,
        link.ask(new Message.Collect(member.collected(), MAX_BYTES_EACH), ASK_LIMIT)
            .toCompletableFuture()));
    boolean more = false;
    for (Map.Entry<Member, CompletableFuture<Message>> entry : asked.entrySet()) {
      String id = entry.getKey().executorId();
      try {
        Parcel parcel = (Parcel) entry.getValue().get();
        fleet.reported(id, parcel.report());
        more |= parcel.more();
        if (parcel.upTo() > entry.getKey().collected()) {
          uncommitted.put(id, parcel);
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return false;
      } catch (ExecutionException e) {
        LOG.debug("Executor {} did not answer", id, e);
        fleet.unreachable(id);
      }
    }
    commit();
    confirm(executors);
    return more;
  }

  /** Fetches and commits until nobody has more. */
  public void collectAll() {
    boolean more = collect();
    while (more && !closing) {
      more = collect();
    }
  }

  /**
   * Fetches all that an executor still has and commits it. For one that says that it ends: the fleet may count it as lost already.
   *
   * @throws IllegalStateException when it doesn't answer
   */
  public synchronized void collectLast(String executorId, Link link) {
    commit();
    long after = fleet.collectedUpTo(executorId);
    boolean more = true;
    while (more) {
      Parcel parcel = (Parcel) ask(executorId, link, new Message.Collect(after, MAX_BYTES_EACH));
      if (parcel.upTo() > after) {
        uncommitted.put(executorId, parcel);
        commit();
        after = parcel.upTo();
      }
      more = parcel.more();
    }
    unconfirmed.remove(executorId);
    // Waited for: with the answer to its farewell the executor goes, and whoever posted should hear
    // before.
    Message unused = ask(executorId, link, new Message.Committed(after));
  }

  private static Message ask(String executorId, Link link, Message message) {
    try {
      return link.ask(message, ASK_LIMIT).toCompletableFuture().get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("Interrupted while executor " + executorId + " left", e);
    } catch (ExecutionException e) {
      throw new IllegalStateException(
          "Executor " + executorId + " did not give what it still had", e.getCause());
    }
  }

  private void commit() {
    if (uncommitted.isEmpty()) {
      return;
    }
    List<Row> turns = new ArrayList<>();
    List<Row> feedback = new ArrayList<>();
    uncommitted.forEach((id, parcel) -> {
      parcel.turns().forEach(turn -> turns.add(row(id, turn)));
      parcel.feedback().forEach(posted -> feedback.add(row(posted)));
    });
    ledger.append(Table.TURNS, turns, new Txn("turns-" + name, transaction));
    ledger.append(Table.FEEDBACK, feedback, new Txn("posted-" + name, transaction));
    transaction++;
    uncommitted.forEach((id, parcel) -> {
      fleet.collected(id, parcel.upTo());
      unconfirmed.put(id, parcel.upTo());
    });
    uncommitted.clear();
  }

  /** Executors learn of it with the next fetch too; whoever posted feedback need not wait for that. */
  private void confirm(Map<Member, Link> executors) {
    executors.forEach((member, link) -> {
      Long upTo = unconfirmed.remove(member.executorId());
      if (upTo != null) {
        CompletionStage<Message> unused = link.ask(new Message.Committed(upTo), ASK_LIMIT);
      }
    });
    unconfirmed.clear();
  }

  private static Row row(String executorId, ServedTurn turn) {
    return RowFactory.create(
        turn.turnId(),
        turn.conversationId(),
        turn.user(),
        executorId,
        turn.version(),
        turn.prompt(),
        turn.completion(),
        turn.logProbs(),
        turn.promptText(),
        turn.completionText(),
        turn.cachedTokens(),
        turn.finish(),
        new Timestamp(turn.endedEpochMillis()));
  }

  private static Row row(PostedFeedback feedback) {
    return RowFactory.create(
        feedback.id(),
        feedback.turnId(),
        feedback.kind(),
        feedback.score(),
        feedback.text(),
        feedback.rejected(),
        feedback.user(),
        new Timestamp(feedback.createdEpochMillis()));
  }

  /** Ends the regular fetches; a commit under way goes on to its end. */
  @Override
  public void close() {
    closing = true;
    synchronized (thread) {
      thread.notifyAll();
    }
    try {
      thread.join(CLOSE_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
