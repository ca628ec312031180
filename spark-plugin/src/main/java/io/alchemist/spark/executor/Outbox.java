package io.alchemist.spark.executor;

import io.alchemist.serve.Feedback;
import io.alchemist.serve.FeedbackSink;
import io.alchemist.serve.RequestException;
import io.alchemist.spark.fleet.ExecutorReport;
import io.alchemist.spark.fleet.Message.Parcel;
import io.alchemist.spark.fleet.PostedFeedback;
import io.alchemist.spark.fleet.ServedTurn;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Answered turns and posted feedback that the driver has not committed yet, numbered in the order in which they came, so that a
 * feedback never overtakes its turn. A feedback is confirmed to whoever posted it when the driver has committed it.
 *
 * <p>Bounded. When the driver doesn't come for long, further feedback is refused, and the oldest turns are dropped with a
 * warning, since serving goes on: their feedback will find no turn.
 *
 * <p>Thread-safe; nothing waits.
 */
public final class Outbox implements FeedbackSink {
  private static final Logger LOG = LoggerFactory.getLogger(Outbox.class);
  private static final long OBJECT_BYTES = 512;

  private final long maxFeedbackBytes;
  private final long maxTurnBytes;
  private final Deque<Entry> entries = new ArrayDeque<>();
  private long last;
  private long feedbackBytes;
  private long turnBytes;
  private long droppedTurns;
  /** The driver has been given everything up to here, and may commit it at any time. */
  private long handedOut;

  private boolean closed;

  /**
   * An empty one.
   *
   * @param maxFeedbackBytes most memory of feedback that waits
   * @param maxTurnBytes most memory of turns that wait
   */
  public Outbox(long maxFeedbackBytes, long maxTurnBytes) {
    this.maxFeedbackBytes = maxFeedbackBytes;
    this.maxTurnBytes = maxTurnBytes;
  }

  /** One of the two is null. */
  private record Entry(
      long number,
      @Nullable ServedTurn turn,
      @Nullable PostedFeedback feedback,
      CompletableFuture<Void> committed) {
    long sizeBytes() {
      if (turn != null) {
        return turn.sizeBytes();
      }
      return feedback == null
          ? 0
          : OBJECT_BYTES + charBytes(feedback.text()) + charBytes(feedback.rejected());
    }

    private static long charBytes(@Nullable String text) {
      return text == null ? 0 : 2L * text.length();
    }
  }

  /** Takes an answered turn. */
  public synchronized void add(ServedTurn turn) {
    if (closed) {
      return;
    }
    turnBytes += turn.sizeBytes();
    entries.add(new Entry(++last, turn, null, new CompletableFuture<>()));
    if (turnBytes > maxTurnBytes) {
      dropOldestTurns();
    }
  }

  private void dropOldestTurns() {
    Iterator<Entry> oldest = entries.iterator();
    long before = droppedTurns;
    while (turnBytes > maxTurnBytes && oldest.hasNext()) {
      Entry entry = oldest.next();
      ServedTurn turn = entry.turn();
      if (turn != null && entry.number() > handedOut) {
        oldest.remove();
        turnBytes -= turn.sizeBytes();
        droppedTurns++;
      }
    }
    if (before == 0) {
      LOG.warn(
          "The driver has not fetched answered turns for long: the oldest are dropped, and their"
              + " feedback will find no turn. See whether the driver keeps up with committing them.");
    }
  }

  /** Turns dropped so far. */
  public synchronized long droppedTurns() {
    return droppedTurns;
  }

  /** {@inheritDoc} Fails with {@link RequestException}: BUSY when too many wait, UNAVAILABLE once closed. */
  @Override
  public synchronized CompletionStage<Void> append(Feedback feedback) {
    if (closed) {
      return CompletableFuture.failedFuture(closedError());
    }
    Entry entry = new Entry(last + 1, null, PostedFeedback.of(feedback), new CompletableFuture<>());
    if (feedbackBytes + entry.sizeBytes() > maxFeedbackBytes) {
      return CompletableFuture.failedFuture(new RequestException(
          RequestException.Kind.BUSY,
          "feedback_queue_full",
          null,
          "Feedback that waits to be committed already takes " + feedbackBytes + " of "
              + maxFeedbackBytes + " bytes; send it again later."));
    }
    last++;
    feedbackBytes += entry.sizeBytes();
    entries.add(entry);
    return entry.committed();
  }

  /**
   * What came after a number that the driver has committed.
   *
   * @param maxBytes about how much; one entry at least, if there is one
   */
  public Parcel collect(long after, long maxBytes, ExecutorReport report) {
    committed(after);
    List<ServedTurn> turns = new ArrayList<>();
    List<PostedFeedback> feedback = new ArrayList<>();
    synchronized (this) {
      long upTo = after;
      long bytes = 0;
      boolean more = false;
      for (Entry entry : entries) {
        if (bytes >= maxBytes) {
          more = true;
          break;
        }
        bytes += entry.sizeBytes();
        upTo = entry.number();
        if (entry.turn() != null) {
          turns.add(entry.turn());
        } else if (entry.feedback() != null) {
          feedback.add(entry.feedback());
        }
      }
      handedOut = Math.max(handedOut, upTo);
      return new Parcel(turns, feedback, upTo, more, report);
    }
  }

  /** Everything up to a number is in the tables: it is forgotten here, and confirmed. */
  public void committed(long upTo) {
    List<Entry> done = new ArrayList<>();
    synchronized (this) {
      Entry oldest = entries.peek();
      while (oldest != null && oldest.number() <= upTo) {
        entries.remove();
        count(oldest);
        done.add(oldest);
        oldest = entries.peek();
      }
    }
    done.forEach(entry -> entry.committed().complete(null));
  }

  private void count(Entry gone) {
    if (gone.turn() != null) {
      turnBytes -= gone.turn().sizeBytes();
    } else {
      feedbackBytes -= gone.sizeBytes();
    }
  }

  /** Whether nothing waits. */
  public synchronized boolean isEmpty() {
    return entries.isEmpty();
  }

  private static RequestException closedError() {
    return new RequestException(
        RequestException.Kind.UNAVAILABLE,
        "feedback_unavailable",
        null,
        "This executor ends before the feedback was committed; send it again, under the same id.");
  }

  /** Takes nothing more; whoever waits for a commit is told that it didn't come. */
  @Override
  public void close() {
    List<Entry> left;
    synchronized (this) {
      closed = true;
      left = List.copyOf(entries);
      entries.clear();
      feedbackBytes = 0;
      turnBytes = 0;
    }
    left.forEach(entry -> entry.committed().completeExceptionally(closedError()));
  }
}
