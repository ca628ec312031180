package io.alchemist.spark.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.alchemist.engine.HostGradient;
import io.alchemist.train.Reuse;
import io.alchemist.train.TrainingExample;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.ToLongFunction;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * The gradient from activations in Spark's memory is that of full recomputation: while they are in memory, on disk, and while
 * queries take the memory away under the trainer.
 */
class GradientUnderPressureTest {
  private static final long PLENTY = 1L << 30;
  private static final int PROMPTS = 6;
  /** What the host copies of so many prompts take, at 1.795 MB each. */
  private static final long HOST_BYTES = PROMPTS * 1_795_000L;

  private static final int BIG_QUERY = 300_000;

  private static int rddId;

  @BeforeAll
  static void startSpark() {
    rddId = ActivationRdd.register(OffHeapSpark.session().sparkContext());
  }

  @AfterEach
  void nothingIsLeft() {
    assertThat(SparkState.blocks(rddId)).isEmpty();
    assertThat(OffHeapSpark.blockManager().memoryManager().offHeapStorageMemoryUsed())
        .isZero();
  }

  /** Serves prompts and lets all but the last few leave the device. */
  private static List<TrainingExample> serve(SmallEngine engine) {
    List<TrainingExample> examples = engine.serve(PROMPTS);
    engine.serve(3);
    await().until(() -> engine.status().mover().queued() == 0);
    // The device may keep three prompts to itself: the last ones, which are no examples.
    assertThat(engine.tier.usedBytes() + engine.tier.diskBytes()).isGreaterThan(HOST_BYTES);
    return examples;
  }

  @Test
  void inMemory() {
    try (SmallEngine engine = new SmallEngine(rddId, PLENTY, 0)) {
      List<TrainingExample> examples = serve(engine);
      HostGradient logged = engine.checkedGradient(examples, engine.gradient(examples, Reuse.NONE));
      assertThat(logged.report().recomputedTokens()).isZero();
      assertThat(SparkState.locks(rddId)).isZero();
    }
  }

  @Test
  void onDiskByTheTiersLimitAndByQueries() {
    try (SmallEngine engine = new SmallEngine(rddId, 8L << 20, PLENTY)) {
      List<TrainingExample> examples = serve(engine);
      HostGradient recomputed = engine.gradient(examples, Reuse.NONE);
      assertThat(engine.tier.usedBytes()).isLessThanOrEqualTo(8L << 20);
      long byLimit = engine.tier.diskBytes();
      assertThat(byLimit).isPositive();
      HostGradient logged = engine.checkedGradient(examples, recomputed);
      assertThat(logged.report().recomputedTokens()).isZero();

      OffHeapSpark.query(BIG_QUERY);
      assertThat(engine.tier.stats().spilledBytes()).isGreaterThan(4L << 20);
      assertThat(engine.tier.diskBytes()).isGreaterThan(byLimit);
      logged = engine.checkedGradient(examples, recomputed);
      assertThat(logged.report().recomputedTokens()).isZero();
      assertThat(engine.tier.stats().droppedBlocks()).isZero();
    }
  }

  @Test
  void whileQueriesSpillToDisk() {
    try (SmallEngine engine = new SmallEngine(rddId, PLENTY, PLENTY)) {
      List<TrainingExample> examples = serve(engine);
      HostGradient last = trainWhileQueriesRun(engine, examples, SparkTierStats::spilledBlocks);
      assertThat(last.report().recomputedTokens()).as("all is on disk still").isZero();
      assertThat(engine.status().cache().lostHostCopies()).isZero();
    }
  }

  @Test
  void whileQueriesTakeActivationsAway() {
    try (SmallEngine engine = new SmallEngine(rddId, PLENTY, 0)) {
      List<TrainingExample> examples = serve(engine);
      HostGradient last = trainWhileQueriesRun(engine, examples, SparkTierStats::droppedBlocks);
      assertThat(last.report().recomputedTokens()).isPositive();
      assertThat(engine.status().cache().lostHostCopies()).isPositive();
    }
  }

  /** Trains again and again until a query has ended; Spark must have taken blocks between a gradient's start and its end. */
  private static HostGradient trainWhileQueriesRun(
      SmallEngine engine, List<TrainingExample> examples, ToLongFunction<SparkTierStats> taken) {
    HostGradient recomputed = engine.gradient(examples, Reuse.NONE);
    HostGradient last = engine.checkedGradient(examples, recomputed);
    assertThat(last.report().recomputedTokens()).isZero();
    CompletableFuture<Void> query = CompletableFuture.runAsync(() -> OffHeapSpark.query(BIG_QUERY));
    int underPressure = 0;
    while (!query.isDone()) {
      long before = taken.applyAsLong(engine.tier.stats());
      last = engine.checkedGradient(examples, recomputed);
      if (taken.applyAsLong(engine.tier.stats()) > before) {
        underPressure++;
      }
    }
    query.join();
    assertThat(underPressure).as("gradients during which Spark took blocks").isPositive();
    assertThat(taken.applyAsLong(engine.tier.stats())).isGreaterThan(PROMPTS);
    return engine.checkedGradient(examples, recomputed);
  }
}
