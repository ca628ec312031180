package io.alchemist.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.alchemist.cache.Coverage;
import io.alchemist.cache.Slab;
import io.alchemist.model.SavePlan;
import io.alchemist.serve.SamplingParams;
import io.alchemist.serve.SchedulerConfig;
import io.alchemist.serve.Turn;
import io.alchemist.train.Reuse;
import io.alchemist.train.TrainerConfig;
import io.alchemist.train.TrainingExample;
import io.alchemist.weights.LinearLayer;
import io.alchemist.weights.Trainable;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.Tuple;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The gradient from what serving logged equals the gradient of full recomputation, whatever was logged, wherever it is now,
 * and however the requests that logged it were computed.
 */
class GradientReuseTest {

  /**
   * A model, what is trained of it, and how it serves.
   *
   * @param recorded what serving keeps
   * @param targets layers with an adapter; none trains the whole model
   * @param seed of prompts, answers, weights and of what is lost
   */
  record Scenario(
      Tier tier,
      SavePlan recorded,
      int heads,
      int kvHeads,
      boolean tied,
      Set<LinearLayer> targets,
      int pageTokens,
      int stepTokens,
      boolean together,
      int microBatchTokens,
      long seed) {}

  @Provide
  Arbitrary<Scenario> scenarios() {
    Arbitrary<int[]> heads =
        Arbitraries.of(List.of(new int[] {4, 2}, new int[] {4, 1}, new int[] {4, 4}));
    Arbitrary<Set<LinearLayer>> targets = Arbitraries.frequencyOf(
        Tuple.of(1, Arbitraries.just(Set.of())),
        Tuple.of(3, Arbitraries.of(LinearLayer.class).set().ofMinSize(1)));
    return Combinators.combine(
            Arbitraries.of(Tier.class),
            heads,
            Arbitraries.of(true, false),
            targets,
            Arbitraries.of(1, 4, 16),
            Arbitraries.of(7, 16, 64, 200),
            Arbitraries.of(true, false))
        .flatAs((tier, shape, tied, layers, page, step, together) -> Combinators.combine(
                Arbitraries.of(110, 256, 1000),
                Arbitraries.of(SavePlan.class),
                Arbitraries.longs().between(0, 1 << 20))
            .as((rows, plan, seed) -> new Scenario(
                tier, plan, shape[0], shape[1], tied, layers, page, step, together, rows, seed)));
  }

  @Property(tries = 60, shrinking = ShrinkingMode.OFF)
  void gradientFromHandlesEqualsRecomputation(@ForAll("scenarios") Scenario scenario)
      throws IOException {
    Path directory = scenario.tier == Tier.DISK ? Files.createTempDirectory("blocks") : null;
    try {
      check(scenario, directory);
    } finally {
      if (directory != null) {
        try (Stream<Path> files = Files.walk(directory)) {
          files.sorted(Collections.reverseOrder()).map(Path::toFile).forEach(File::delete);
        }
      }
    }
  }

  private static void check(Scenario s, @Nullable Path directory) {
    Trainable trainable = s.targets.isEmpty()
        ? new Trainable.WholeModel()
        : TestEngines.adapter(s.targets.toArray(LinearLayer[]::new));
    LearningConfig learning = new LearningConfig(
        trainable,
        TestEngines.learning(trainable).optimizer(),
        new TrainerConfig(s.microBatchTokens, 64 * 30, 8),
        s.recorded);
    EngineConfig config = TestEngines.config(
        learning,
        s.tier.cache(s.pageTokens, 2048, directory),
        new SchedulerConfig(4, s.stepTokens, 64),
        3);
    Random random = new Random(s.seed);
    try (Engine engine = TestEngines.start(config, TestEngines.model(s.heads, s.kvHeads, s.tied))) {
      List<TrainingExample> examples = new ArrayList<>();
      for (Turn turn : converse(engine, s.together, random)) {
        examples.add(example(turn, random));
      }
      s.tier.arrange(engine, random);
      Gradients logged = Gradients.of(engine, examples, Reuse.LOGGED);
      Gradients anew = Gradients.of(engine, examples, Reuse.NONE);
      logged.assertEquals(anew);
      Gradients.of(engine, examples, Reuse.CHECKPOINTED).assertEquals(anew);
      TestEngines.assertNothingHeld(engine);
    }
  }

  /** Requests with common prefixes, equal ones, prefixes of one another, and a second turn of each conversation. */
  private static List<Turn> converse(Engine engine, boolean together, Random random) {
    int[] system = TestEngines.tokens(random.nextLong(), 1 + random.nextInt(30));
    List<int[]> prompts = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      prompts.add(TestEngines.concat(
          system, TestEngines.tokens(random.nextLong(), 1 + random.nextInt(25))));
    }
    prompts.add(prompts.get(0));
    prompts.add(TestEngines.concat(
        prompts.get(1), TestEngines.tokens(random.nextLong(), 1 + random.nextInt(9))));
    prompts.add(TestEngines.tokens(random.nextLong(), 1 + random.nextInt(8)));
    List<Turn> turns = new ArrayList<>(answer(engine, "first", prompts, together));
    List<int[]> second = new ArrayList<>();
    for (Turn turn : turns.subList(0, 3)) {
      second.add(TestEngines.concat(
          turn.prompt(),
          turn.completion(),
          TestEngines.tokens(random.nextLong(), 1 + random.nextInt(9))));
    }
    turns.addAll(answer(engine, "second", second, together));
    return turns;
  }

  private static List<Turn> answer(
      Engine engine, String name, List<int[]> prompts, boolean together) {
    if (together) {
      return TestEngines.answers(engine, name, prompts, 7);
    }
    List<Turn> turns = new ArrayList<>();
    for (int i = 0; i < prompts.size(); i++) {
      turns.addAll(TestEngines.answers(engine, name + i, prompts.subList(i, i + 1), 7));
    }
    return turns;
  }

  /** Learns the answer itself, or a correction of it; some tokens count more than others, some not, some are unlearnt. */
  private static TrainingExample example(Turn turn, Random random) {
    int[] answer = random.nextBoolean()
        ? turn.completion()
        : TestEngines.tokens(random.nextLong(), 1 + random.nextInt(9));
    int[] tokens = TestEngines.concat(turn.prompt(), answer);
    float[] weights = new float[tokens.length];
    for (int i = turn.prompt().length; i < tokens.length; i++) {
      weights[i] = random.nextInt(3) == 0 ? 0 : (float) random.nextDouble(-0.5, 1.5);
    }
    weights[turn.prompt().length + random.nextInt(answer.length)] = 1;
    return new TrainingExample(turn.id(), tokens, weights, turn.version());
  }

  // ---- that the property reaches what it is about

  @Test
  void eachPlanTakesLessMemoryThanTheOneBeforeAndReusesAsMuch() {
    List<Long> bytes = new ArrayList<>();
    for (SavePlan recorded : SavePlan.values()) {
      Trainable trainable = TestEngines.adapter(LinearLayer.values());
      LearningConfig usual = TestEngines.learning(trainable);
      EngineConfig config = TestEngines.config(
          new LearningConfig(trainable, usual.optimizer(), usual.trainer(), recorded),
          TestEngines.roomyCache(),
          64);
      try (Engine engine = TestEngines.start(config, TestEngines.TINY)) {
        List<TrainingExample> examples =
            examples(TestEngines.answers(engine, "t", PROMPTS.subList(0, 1), 4));
        bytes.add(Engine.await(engine.status()).activationBytes());
        Gradients logged = Gradients.of(engine, examples, Reuse.LOGGED);
        assertThat(logged.report().recomputedTokens()).isZero();
        logged.assertEquals(Gradients.of(engine, examples, Reuse.NONE));
      }
    }
    assertThat(bytes).isSortedAccordingTo(Comparator.reverseOrder()).doesNotHaveDuplicates();
  }

  @Test
  void calibrationMakesThePlannerForetellAndChangesNothing() {
    try (Engine engine = TestEngines.learning()) {
      List<TrainingExample> examples = examples(TestEngines.answers(engine, "t", PROMPTS, 4));
      Gradients before = Gradients.of(engine, examples, Reuse.NONE);
      Engine.await(engine.calibrate());
      TestEngines.assertNothingHeld(engine);
      Gradients after = Gradients.of(engine, examples, Reuse.NONE);
      after.assertEquals(before);
      assertThat(after.report().predictedNanos()).isPositive();
      assertThat(Engine.await(engine.status()).trained().examples()).isEqualTo(2 * examples.size());
    }
  }

  @Test
  void anEngineThatWasNotCalibratedForetellsNothingAtFirst() {
    try (Engine engine = TestEngines.learning()) {
      List<TrainingExample> examples = examples(TestEngines.answers(engine, "t", PROMPTS, 4));
      assertThat(Gradients.of(engine, examples, Reuse.LOGGED).report().predictedNanos())
          .isZero();
      assertThat(Gradients.of(engine, examples, Reuse.LOGGED).report().predictedNanos())
          .isPositive();
    }
  }

  @Test
  void onlyWhatTheTrainedLayersNeedIsKept() {
    long all = recordedBytes(LinearLayer.values());
    assertThat(recordedBytes(LinearLayer.Q)).isEqualTo(all);
    // Below the first feed-forward block nothing is trained, so nothing of its attention is kept.
    assertThat(recordedBytes(LinearLayer.GATE, LinearLayer.UP)).isLessThan(all);
    assertThat(recordedBytes(LinearLayer.DOWN))
        .isLessThan(recordedBytes(LinearLayer.GATE, LinearLayer.UP));
  }

  private static long recordedBytes(LinearLayer... targets) {
    EngineConfig config = TestEngines.config(
        TestEngines.learning(TestEngines.adapter(targets)), TestEngines.roomyCache(), 64);
    try (Engine engine = TestEngines.start(config, TestEngines.TINY)) {
      List<Turn> unused = TestEngines.answers(engine, "t", PROMPTS.subList(0, 1), 4);
      return Engine.await(engine.status()).activationBytes();
    }
  }

  private static final List<int[]> PROMPTS = List.of(
      TestEngines.concat(TestEngines.tokens(1, 24), TestEngines.tokens(2, 11)),
      TestEngines.concat(TestEngines.tokens(1, 24), TestEngines.tokens(3, 14)),
      TestEngines.concat(TestEngines.tokens(1, 24), TestEngines.tokens(4, 5)));

  private static List<TrainingExample> examples(List<Turn> turns) {
    List<TrainingExample> examples = new ArrayList<>();
    for (Turn turn : turns) {
      examples.add(TrainingExample.completion(
          turn.id(), turn.prompt(), TestEngines.tokens(9, 6), turn.version()));
    }
    return examples;
  }

  @ParameterizedTest
  @EnumSource(Tier.class)
  void eachTierIsReadFrom(Tier tier, @TempDir Path directory) {
    EngineConfig config = TestEngines.config(
        TestEngines.learning(TestEngines.adapter(LinearLayer.values())),
        tier.cache(4, 1024, directory),
        64);
    try (Engine engine = TestEngines.start(config, TestEngines.TINY)) {
      List<TrainingExample> examples = examples(TestEngines.answers(engine, "t", PROMPTS, 4));
      tier.arrange(engine, new Random(5));
      EngineStatus before = Engine.await(engine.status());
      Gradients logged = Gradients.of(engine, examples, Reuse.LOGGED);
      EngineStatus after = Engine.await(engine.status());
      int prompts = PROMPTS.stream().mapToInt(p -> p.length - 1).sum();
      switch (tier) {
        case DEVICE, SHORT -> assertThat(before.activationBytes()).isPositive();
        case HOST, HOST_ONLY -> {
          assertThat(before.activationBytes()).isZero();
          assertThat(before.hostBytes()).isPositive();
        }
        case DISK -> assertThat(before.diskBytes()).isPositive();
        case MIXED -> assertThat(before.hostBytes()).isPositive();
        case PARTLY_LOST -> assertThat(after.cache().lostHostCopies()).isPositive();
        case GONE -> assertThat(logged.report().reusedTokens()).isZero();
      }
      if (Set.of(Tier.DEVICE, Tier.HOST, Tier.HOST_ONLY, Tier.DISK).contains(tier)) {
        assertThat(logged.report().recomputedTokens()).isZero();
        assertThat(logged.report().reusedTokens()).isEqualTo(prompts);
        assertThat(logged.report().rows())
            .as("a shared prefix is one row per token")
            .isLessThanOrEqualTo(24 + 11 + 14 + 5 + 3 * 6);
      }
      logged.assertEquals(Gradients.of(engine, examples, Reuse.NONE));
    }
  }

  /** Room for some layers by one plan and for the rest by the next: D and C, C and B, B and A. */
  @ParameterizedTest
  @ValueSource(longs = {27_000, 39_000, 57_000})
  void gradientFromLayersOfDifferentPlansIsRight(long activationBytes) {
    EngineConfig config = TestEngines.config(
        TestEngines.learning(TestEngines.adapter(LinearLayer.values())),
        TestEngines.cache(1024, activationBytes, 64L << 20),
        64);
    try (Engine engine = TestEngines.start(config, TestEngines.TINY)) {
      List<Turn> turns = TestEngines.answers(engine, "t", PROMPTS.subList(0, 1), 4);
      // Of the last layer only the input is needed, whatever the plan.
      assertThat(recordedFields(engine, turns.get(0)).subList(0, 2)).doesNotHaveDuplicates();
      Gradients anew = Gradients.of(engine, examples(turns), Reuse.NONE);
      Gradients onDevice = Gradients.of(engine, examples(turns), Reuse.LOGGED);
      assertThat(onDevice.report().recomputedTokens()).isZero();
      onDevice.assertEquals(anew);
      Tier.HOST_ONLY.arrange(engine, new Random(7));
      Gradients fromHost = Gradients.of(engine, examples(turns), Reuse.LOGGED);
      assertThat(fromHost.report().recomputedTokens()).isZero();
      fromHost.assertEquals(anew);
    }
  }

  /** What the device has of each layer of a prompt, as bits. */
  private static List<Integer> recordedFields(Engine engine, Turn turn) {
    return Engine.await(engine.inspect(e -> {
      try (Coverage coverage = e.tree().cover(turn.version(), turn.prompt(), 1)) {
        Slab slab = Objects.requireNonNull(
            Objects.requireNonNull(coverage.runs().get(0).logged()).slab());
        return IntStream.range(0, slab.layers()).mapToObj(slab::fieldMask).toList();
      }
    }));
  }

  @Test
  void aDeviceThatOverflowsOffloadsByItselfAndTheGradientIsRight() {
    EngineConfig config = TestEngines.config(
        TestEngines.learning(TestEngines.adapter(LinearLayer.values())),
        TestEngines.cache(1024, 400_000, 64L << 20),
        32);
    try (Engine engine = TestEngines.start(config, TestEngines.TINY)) {
      List<Turn> turns = new ArrayList<>();
      for (int i = 0; i < 12; i++) {
        turns.addAll(
            TestEngines.answers(engine, "turn-" + i, List.of(TestEngines.tokens(100 + i, 30)), 4));
      }
      await()
          .until(() -> Engine.await(engine.status()).hostBytes() > 0); // another thread puts them
      Gradients logged = Gradients.of(engine, examples(turns), Reuse.LOGGED);
      assertThat(logged.report().reusedTokens()).isPositive();
      logged.assertEquals(Gradients.of(engine, examples(turns), Reuse.NONE));
    }
  }

  @Test
  void gradientAfterPreemptionIsRight() {
    EngineConfig config = TestEngines.config(
        TestEngines.learning(TestEngines.adapter(LinearLayer.values())),
        TestEngines.cache(160, 60_000, 64L << 20),
        16);
    try (Engine engine = TestEngines.start(config, TestEngines.TINY)) {
      List<CompletableFuture<Turn>> running = new ArrayList<>();
      for (int i = 0; i < 6; i++) {
        running.add(TestEngines.generate(
            engine, "t" + i, TestEngines.tokens(i, 20 + i), 50, SamplingParams.GREEDY));
      }
      List<Turn> turns = running.stream().map(Engine::await).toList();
      assertThat(Engine.await(engine.status()).server().preemptions()).isPositive();
      List<TrainingExample> examples = new ArrayList<>();
      for (Turn turn : turns) {
        examples.add(TrainingExample.completion(
            turn.id(), turn.prompt(), turn.completion(), turn.version()));
      }
      Gradients logged = Gradients.of(engine, examples, Reuse.LOGGED);
      assertThat(logged.report().reusedTokens()).isPositive();
      logged.assertEquals(Gradients.of(engine, examples, Reuse.NONE));
    }
  }

  @Test
  void gradientWhileServingTakesTheMemoryAwayIsRight() {
    // Room for few keys, few activations, and few blocks on the host: all is evicted and lost all
    // the time.
    LearningConfig learning = new LearningConfig(
        TestEngines.adapter(LinearLayer.values()),
        TestEngines.learning(TestEngines.adapter(LinearLayer.Q)).optimizer(),
        new TrainerConfig(128, 97 * 64, 8));
    EngineConfig config = TestEngines.config(
        learning, TestEngines.cache(256, 300_000, 400_000), new SchedulerConfig(4, 24, 64), 3);
    try (Engine engine = TestEngines.start(config, TestEngines.TINY)) {
      List<Turn> turns = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        int[] prompt = TestEngines.concat(
            TestEngines.tokens(1, 10 + i % 3), TestEngines.tokens(20 + i, 20 + i));
        turns.addAll(TestEngines.answers(engine, "t" + i, List.of(prompt), 5));
      }
      Random random = new Random(6);
      List<TrainingExample> examples = new ArrayList<>();
      for (Turn turn : turns) {
        examples.add(example(turn, random));
      }
      for (int round = 0; round < 3; round++) {
        List<CompletableFuture<Turn>> others = new ArrayList<>();
        CompletableFuture<Gradients> gradient = new CompletableFuture<>();
        Answer answer = new Answer(2, () -> {
          CompletableFuture<Void> unused = engine
              .accumulate(examples, Reuse.LOGGED)
              .thenAcceptAsync(report -> gradient.complete(Gradients.take(engine, report)));
        });
        TestEngines.request(
            engine, "first" + round, TestEngines.tokens(77, 9), 40, SamplingParams.GREEDY, answer);
        for (int i = 0; i < 12; i++) {
          others.add(TestEngines.generate(
              engine,
              "other" + round + "-" + i,
              TestEngines.tokens(1000L * round + i, 25 + i),
              20,
              SamplingParams.GREEDY));
        }
        others.forEach(Engine::await);
        Engine.await(gradient).assertEquals(Gradients.of(engine, examples, Reuse.NONE));
      }
      EngineStatus status = Engine.await(engine.status());
      assertThat(status.cache().evictedPages()).isPositive();
      assertThat(status.cache().evictedActivations()).isPositive();
      TestEngines.assertNothingHeld(engine);
    }
  }

  @Test
  void decodedTokensOfAnEarlierTurnAreForwardedAgainAndNothingElse() {
    try (Engine engine = TestEngines.learning()) {
      Turn first =
          TestEngines.answers(engine, "first", PROMPTS.subList(0, 1), 9).get(0);
      int[] prompt =
          TestEngines.concat(first.prompt(), first.completion(), TestEngines.tokens(8, 10));
      Turn second = TestEngines.answers(engine, "second", List.of(prompt), 3).get(0);
      Gradients logged = Gradients.of(engine, examples(List.of(second)), Reuse.LOGGED);
      assertThat(logged.report().recomputedTokens()).isBetween(1L, 9L);
      logged.assertEquals(Gradients.of(engine, examples(List.of(second)), Reuse.NONE));
    }
  }

  @Test
  void gradientOfABatchIsTheSumOfItsExamples() {
    try (Engine engine = TestEngines.learning()) {
      List<TrainingExample> examples = examples(TestEngines.answers(engine, "t", PROMPTS, 4));
      Gradients sum = null;
      for (TrainingExample example : examples) {
        Gradients one = Gradients.of(engine, List.of(example), Reuse.LOGGED);
        sum = sum == null ? one : sum.plus(one);
      }
      Gradients batch = Gradients.of(engine, examples, Reuse.LOGGED);
      assertThat(sum).isNotNull();
      assertThat(batch.report().rows()).isLessThan(sum.report().rows());
      batch.assertEquals(sum);
    }
  }

  /** As in the steps of a round at new weights: nothing is logged, but much is in common. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void whatExamplesHaveInCommonIsForwardedOnce(boolean whole) {
    Trainable trainable =
        whole ? new Trainable.WholeModel() : TestEngines.adapter(LinearLayer.values());
    EngineConfig config =
        TestEngines.config(TestEngines.learning(trainable), TestEngines.roomyCache(), 64);
    try (Engine engine = TestEngines.start(config, TestEngines.TINY)) {
      int[] system = TestEngines.tokens(3, 30);
      List<TrainingExample> examples = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        int[] prompt = TestEngines.concat(system, TestEngines.tokens(10 + i, 5 + i));
        int[] answer = TestEngines.tokens(20 + i, 4);
        examples.add(TrainingExample.completion("e" + i, prompt, answer, TrainingExample.LIVE));
        // The same conversation's next turn: its prompt has the answer, whose rows predict.
        examples.add(TrainingExample.completion(
            "next" + i,
            TestEngines.concat(TestEngines.concat(prompt, answer), TestEngines.tokens(30 + i, 6)),
            TestEngines.tokens(40 + i, 3),
            TrainingExample.LIVE));
      }
      examples.add(TrainingExample.completion(
          "same", examples.get(0).tokens(), TestEngines.tokens(50, 2), TrainingExample.LIVE));
      Gradients shared = Gradients.of(engine, examples, Reuse.LOGGED);
      Gradients separate = Gradients.of(engine, examples, Reuse.NONE);
      assertThat(shared.report().reusedTokens()).isZero();
      assertThat(shared.report().recomputedTokens())
          .isEqualTo(separate.report().recomputedTokens());
      assertThat(shared.report().rows()).isLessThan(separate.report().rows() / 2);
      shared.assertEquals(separate);
    }
  }

  @Test
  void promptsThatGoOnFromEachOtherFitTheMicroBatch() {
    // Each prompt is the one before and some more, so that what they share grows from example to
    // example.
    LearningConfig learning = new LearningConfig(
        TestEngines.adapter(LinearLayer.Q),
        TestEngines.learning(TestEngines.adapter(LinearLayer.Q)).optimizer(),
        new TrainerConfig(100, 97 * 64, 8));
    EngineConfig config = TestEngines.config(learning, TestEngines.roomyCache(), 128);
    try (Engine engine = TestEngines.start(config, TestEngines.TINY)) {
      int[] longest = TestEngines.tokens(3, 90);
      Turn whole = TestEngines.answers(engine, "whole", List.of(longest), 2).get(0);
      List<TrainingExample> examples = new ArrayList<>();
      for (int length = 10; length <= 90; length += 20) {
        examples.add(TrainingExample.completion(
            "e" + length,
            Arrays.copyOf(longest, length),
            TestEngines.tokens(length, 8),
            whole.version()));
      }
      Gradients logged = Gradients.of(engine, examples, Reuse.LOGGED);
      logged.assertEquals(Gradients.of(engine, examples, Reuse.NONE));
    }
  }
}
