package io.alchemist.spark.executor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import io.alchemist.serve.Feedback;
import io.alchemist.serve.RequestException;
import io.alchemist.serve.RequestException.Kind;
import io.alchemist.spark.fleet.ExecutorReport;
import io.alchemist.spark.fleet.Message.Parcel;
import io.alchemist.spark.fleet.PostedFeedback;
import io.alchemist.spark.fleet.ServedTurn;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.assertj.core.api.ThrowableAssert;
import org.junit.jupiter.api.Test;

class OutboxTest {
  private static final long MUCH = 1L << 30;

  private final Outbox outbox = new Outbox(MUCH, MUCH);

  private static ServedTurn turn(String id, int tokens) {
    return new ServedTurn(
        id, "c", null, 1, new int[tokens], new int[0], new float[0], null, "", 0, "stop", 0);
  }

  private static ServedTurn turn(String id) {
    return turn(id, 1);
  }

  private static Feedback feedback(String id, String text) {
    return new Feedback(id, "turn", Feedback.Kind.TEXT, null, text, null, null, 0);
  }

  private static Feedback feedback(String id) {
    return feedback(id, "good");
  }

  private CompletableFuture<Void> append(String id) {
    return outbox.append(feedback(id)).toCompletableFuture();
  }

  private Parcel collect(long after) {
    return outbox.collect(after, MUCH, ExecutorReport.NONE);
  }

  private static List<String> turns(Parcel parcel) {
    return parcel.turns().stream().map(ServedTurn::turnId).toList();
  }

  private static List<String> feedbacks(Parcel parcel) {
    return parcel.feedback().stream().map(PostedFeedback::id).toList();
  }

  private static RequestException refusal(CompletableFuture<Void> refused) {
    assertThat(refused).isCompletedExceptionally();
    return assertThat(ThrowableAssert.catchThrowable(refused::join).getCause())
        .asInstanceOf(type(RequestException.class))
        .actual();
  }

  @Test
  void givesEverythingInItsOrder() {
    outbox.add(turn("t1"));
    CompletableFuture<Void> first = append("f1");
    outbox.add(turn("t2"));
    CompletableFuture<Void> second = append("f2");

    Parcel parcel = collect(0);
    assertThat(List.of(first, second)).noneMatch(CompletableFuture::isDone);
    assertThat(turns(parcel)).containsExactly("t1", "t2");
    assertThat(feedbacks(parcel)).containsExactly("f1", "f2");
    assertThat(parcel.upTo()).isEqualTo(4);
    assertThat(parcel.more()).isFalse();
  }

  @Test
  void givesAgainWhatIsNotCommitted() {
    outbox.add(turn("t1"));
    outbox.add(turn("t2"));
    Parcel lost = collect(0);
    outbox.add(turn("t3"));

    assertThat(turns(collect(0))).containsExactly("t1", "t2", "t3");
    assertThat(turns(collect(lost.upTo()))).containsExactly("t3");
    assertThat(outbox.isEmpty()).isFalse();
    assertThat(collect(3).upTo()).isEqualTo(3);
    assertThat(outbox.isEmpty()).isTrue();
  }

  @Test
  void confirmsFeedbackWhenItIsCommittedAndNotBefore() {
    CompletableFuture<Void> first = append("f1");
    CompletableFuture<Void> second = append("f2");
    collect(0);
    assertThat(first).isNotDone();

    outbox.committed(1);
    assertThat(first).isCompletedWithValue(null);
    assertThat(second).isNotDone();

    collect(2); // says so, too
    assertThat(second).isCompletedWithValue(null);
  }

  @Test
  void anOldCommitChangesNothing() {
    outbox.add(turn("t1"));
    outbox.committed(1);
    outbox.add(turn("t2"));
    outbox.committed(1);
    outbox.committed(0);
    assertThat(turns(collect(1))).containsExactly("t2");
  }

  @Test
  void aParcelIsBoundedByBytes() {
    for (int i = 1; i <= 5; i++) {
      outbox.add(turn("t" + i, 1_000));
    }
    long each = turn("t", 1_000).sizeBytes();

    Parcel parcel = outbox.collect(0, 2 * each, ExecutorReport.NONE);
    assertThat(turns(parcel)).containsExactly("t1", "t2");
    assertThat(parcel.more()).isTrue();
    parcel = outbox.collect(parcel.upTo(), 1, ExecutorReport.NONE);
    assertThat(turns(parcel)).as("one at least").containsExactly("t3");
    parcel = outbox.collect(parcel.upTo(), 2 * each, ExecutorReport.NONE);
    assertThat(turns(parcel)).containsExactly("t4", "t5");
    assertThat(parcel.more()).isFalse();
  }

  @Test
  void refusesFeedbackBeyondItsBound() {
    Outbox small = new Outbox(4_000, MUCH);
    Feedback preference = new Feedback(
        "p", "turn", Feedback.Kind.PREFERENCE, null, "b".repeat(500), "w".repeat(500), null, 0);
    assertThat(small.append(preference).toCompletableFuture()).isNotDone();

    RequestException busy =
        refusal(small.append(feedback("f", "x".repeat(1_000))).toCompletableFuture());
    assertThat(busy.kind()).isEqualTo(Kind.BUSY);
    assertThat(busy.code()).isEqualTo("feedback_queue_full");
    assertThat(busy)
        .hasMessage(
            "Feedback that waits to be committed already takes 2512 of 4000 bytes; send it again later.");

    assertThat(small.append(feedback("short")).toCompletableFuture()).isNotDone();
    small.committed(1);
    assertThat(small.append(feedback("f", "x".repeat(1_000))).toCompletableFuture())
        .as("after a commit there is room")
        .isNotDone();
  }

  @Test
  void dropsTheOldestTurnsAndNoFeedback() {
    Outbox small = new Outbox(MUCH, 3 * turn("t", 100).sizeBytes());
    for (int i = 1; i <= 3; i++) {
      small.add(turn("t" + i, 100));
      small.append(feedback("f" + i));
    }
    assertThat(small.droppedTurns()).isZero();
    small.add(turn("t4", 150));

    Parcel parcel = small.collect(0, MUCH, ExecutorReport.NONE);
    assertThat(turns(parcel)).containsExactly("t3", "t4");
    assertThat(feedbacks(parcel)).containsExactly("f1", "f2", "f3");
    assertThat(small.droppedTurns()).isEqualTo(2);
  }

  @Test
  void whatTheDriverMayCommitIsNotDropped() {
    Outbox small = new Outbox(MUCH, 3 * turn("t", 100).sizeBytes());
    small.add(turn("t1", 100));
    assertThat(turns(small.collect(0, MUCH, ExecutorReport.NONE))).containsExactly("t1");
    for (int i = 2; i <= 5; i++) {
      small.add(turn("t" + i, 100));
    }
    assertThat(small.droppedTurns()).isEqualTo(2);
    assertThat(turns(small.collect(0, MUCH, ExecutorReport.NONE)))
        .containsExactly("t1", "t4", "t5");
  }

  @Test
  void aTurnThatNeverFitsIsDroppedAlone() {
    Outbox small = new Outbox(MUCH, 1_000);
    small.add(turn("t1", 1_000));
    small.add(turn("t2", 1));
    assertThat(turns(small.collect(0, MUCH, ExecutorReport.NONE))).containsExactly("t2");
  }

  @Test
  void closingTellsThoseWhoWait() {
    CompletableFuture<Void> waiting = append("f1");
    outbox.add(turn("t1"));
    outbox.close();

    assertThat(refusal(waiting).kind()).isEqualTo(Kind.UNAVAILABLE);
    assertThat(refusal(append("f2")))
        .hasMessage(
            "This executor ends before the feedback was committed; send it again, under the same id.");
    outbox.add(turn("t2"));
    assertThat(outbox.isEmpty()).isTrue();
  }

  @Test
  void whoeverIsConfirmedMayUseTheOutbox() {
    List<String> seen = new ArrayList<>();
    CompletableFuture<Void> confirmed = append("f1").thenRun(() -> {
      outbox.add(turn("after"));
      seen.addAll(turns(collect(1)));
    });
    outbox.committed(1);
    assertThat(confirmed).isCompletedWithValue(null);
    assertThat(seen).containsExactly("after");
  }

  /** Producers add while a collector fetches, loses some parcels, and commits the others. */
  @Property(tries = 15)
  void nothingIsLostAndNothingComesTwice(
      @ForAll @IntRange(min = 1, max = 4) int producers,
      @ForAll @IntRange(min = 0, max = 200) int each,
      @ForAll @IntRange(min = 1, max = 20_000) int parcelBytes,
      @ForAll long seed)
      throws Exception {
    Outbox shared = new Outbox(MUCH, MUCH);
    List<CompletableFuture<Void>> confirmations = Collections.synchronizedList(new ArrayList<>());
    ExecutorService threads = Executors.newFixedThreadPool(producers);
    List<Future<?>> producing = new ArrayList<>();
    for (int p = 0; p < producers; p++) {
      String name = "p" + p + "-";
      producing.add(threads.submit(() -> {
        for (int i = 0; i < each; i++) {
          shared.add(turn(name + i));
          confirmations.add(shared.append(feedback(name + i)).toCompletableFuture());
        }
      }));
    }
    threads.shutdown();

    Random random = new Random(seed);
    List<String> turns = new ArrayList<>();
    List<String> feedback = new ArrayList<>();
    long collected = 0;
    while (producing.stream().anyMatch(f -> !f.isDone()) || !shared.isEmpty()) {
      Parcel parcel = shared.collect(collected, parcelBytes, ExecutorReport.NONE);
      if (random.nextInt(4) == 0) {
        continue; // its answer was lost
      }
      turns.addAll(turns(parcel));
      for (String id : feedbacks(parcel)) {
        assertThat(turns).as("a feedback never overtakes its turn").contains(id);
        feedback.add(id);
      }
      collected = parcel.upTo();
      if (random.nextBoolean()) {
        shared.committed(collected);
      }
    }
    for (Future<?> producer : producing) {
      producer.get();
    }
    assertThat(turns).hasSize(producers * each).doesNotHaveDuplicates();
    assertThat(feedback).hasSize(producers * each).doesNotHaveDuplicates();
    assertThat(confirmations).allMatch(CompletableFuture::isDone);
  }
}
