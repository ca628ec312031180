package io.alchemist.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.alchemist.serve.GenerationRequest;
import io.alchemist.serve.RequestException;
import io.alchemist.serve.SamplingParams;
import io.alchemist.serve.SchedulerConfig;
import io.alchemist.serve.Turn;
import io.alchemist.train.Reuse;
import io.alchemist.train.TrainingExample;
import io.alchemist.weights.LinearLayer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Keys and values take back what activations use of the arena: answers and gradients are those of an engine with room. */
class HedgingTest {
  /** Keys and values of 64 tokens, and activations of about 100 rows, or keys and values of 700 tokens more. */
  private static final int FLOOR_TOKENS = 64;

  private static final long SHARED = 280_000;

  private static Engine engine(long hostBytes) {
    return TestEngines.start(
        TestEngines.config(
            TestEngines.learning(TestEngines.adapter(LinearLayer.values())),
            TestEngines.cache(FLOOR_TOKENS, SHARED, hostBytes),
            new SchedulerConfig(8, 16, 64),
            3),
        TestEngines.TINY);
  }

  private static List<int[]> prompts(long seed, int count, int tokens) {
    List<int[]> prompts = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      prompts.add(TestEngines.tokens(seed + i, tokens));
    }
    return prompts;
  }

  private static List<TrainingExample> examples(List<Turn> turns) {
    List<TrainingExample> examples = new ArrayList<>();
    for (Turn turn : turns) {
      examples.add(TrainingExample.completion(
          turn.id(), turn.prompt(), TestEngines.tokens(9, 6), turn.version()));
    }
    return examples;
  }

  /** Short answers leave activations of their prompts. */
  private static List<Turn> fill(Engine engine) {
    List<Turn> turns = new ArrayList<>();
    for (int[] prompt : prompts(100, 3, 30)) {
      turns.addAll(TestEngines.answers(engine, "fill-" + turns.size(), List.of(prompt), 1));
    }
    assertThat(Engine.await(engine.status()).activationBytes()).isGreaterThan(SHARED / 4);
    return turns;
  }

  /** More tokens than the floor and what is free hold; the same answers as with room, and nobody was preempted. */
  private static void burst(Engine engine) {
    List<int[]> prompts = prompts(500, 6, 80);
    List<Turn> turns = TestEngines.answers(engine, "burst", prompts, 8);
    EngineStatus status = Engine.await(engine.status());
    assertThat(status.server().preemptions()).isZero();
    try (Engine roomy = TestEngines.serving()) {
      List<Turn> expected = TestEngines.answers(roomy, "burst", prompts, 8);
      for (int i = 0; i < turns.size(); i++) {
        assertThat(turns.get(i).completion()).isEqualTo(expected.get(i).completion());
        assertThat(turns.get(i).logProbs()).isEqualTo(expected.get(i).logProbs());
      }
    }
  }

  @Test
  void copiedActivationsMakeRoomAndNothingIsLost() {
    try (Engine engine = engine(64L << 20)) {
      List<Turn> filled = fill(engine);
      await()
          .until(() -> Engine.await(engine.inspect(e -> {
            e.mover().balance(0, 0);
            return e.tree().uncopiedActivationBytes() == 0 && e.mover().stats().queued() == 0;
          })));
      assertThat(Engine.await(engine.status()).activationBytes())
          .as("a copy does not give the memory up by itself")
          .isGreaterThan(SHARED / 4);
      burst(engine);
      Gradients logged = Gradients.of(engine, examples(filled), Reuse.LOGGED);
      assertThat(logged.report().recomputedTokens()).isZero();
      assertThat(logged.report().reusedTokens()).isEqualTo(3 * 29);
      logged.assertEquals(Gradients.of(engine, examples(filled), Reuse.NONE));
      TestEngines.assertNothingHeld(engine);
    }
  }

  @Test
  void activationsWithoutACopyMakeRoomAndAreForwardedAgain() {
    try (Engine engine = engine(0)) {
      List<Turn> filled = fill(engine);
      burst(engine);
      EngineStatus status = Engine.await(engine.status());
      assertThat(status.cache().evictedActivations()).isPositive();
      Gradients logged = Gradients.of(engine, examples(filled), Reuse.LOGGED);
      assertThat(logged.report().recomputedTokens()).isPositive();
      logged.assertEquals(Gradients.of(engine, examples(filled), Reuse.NONE));
      TestEngines.assertNothingHeld(engine);
    }
  }

  @Test
  void aPromptGetsTheMemoryOfItsOwnActivations() {
    // Recorded as it is prefilled, in chunks, until its keys and values need the rest of the arena.
    try (Engine engine = engine(0);
        Engine roomy = TestEngines.serving()) {
      List<int[]> prompts = prompts(700, 1, 240);
      List<Turn> turns = TestEngines.answers(engine, "long", prompts, 6);
      EngineStatus status = Engine.await(engine.status());
      assertThat(status.server().preemptions()).isZero();
      assertThat(status.kvBytes()).isGreaterThan(240 * 384L);
      List<Turn> expected = TestEngines.answers(roomy, "long", prompts, 6);
      for (int i = 0; i < turns.size(); i++) {
        assertThat(turns.get(i).completion()).isEqualTo(expected.get(i).completion());
      }
      TestEngines.assertNothingHeld(engine);
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 400_000})
  void gradientsAreRightWhileKeysAndValuesTakeActivationsAway(long hostBytes) {
    try (Engine engine = engine(hostBytes)) {
      for (int round = 0; round < 3; round++) {
        List<Turn> filled = fill(engine);
        List<TrainingExample> examples = examples(filled);
        long evicted = Engine.await(engine.status()).cache().evictedActivations();
        CompletableFuture<Gradients> gradient = new CompletableFuture<>();
        Answer answer = new Answer(2, () -> {
          CompletableFuture<Void> unused = engine
              .accumulate(examples, Reuse.LOGGED)
              .thenAcceptAsync(report -> gradient.complete(Gradients.take(engine, report)));
        });
        TestEngines.request(
            engine, "first" + round, TestEngines.tokens(77, 9), 60, SamplingParams.GREEDY, answer);
        TestEngines.answers(engine, "other" + round, prompts(1000L * round, 6, 70), 8);
        Engine.await(gradient).assertEquals(Gradients.of(engine, examples, Reuse.NONE));
        assertThat(Engine.await(engine.status()).cache().evictedActivations())
            .isGreaterThan(evicted);
      }
      TestEngines.assertNothingHeld(engine);
    }
  }

  @Test
  void whatIsHalfCopiedIsCopiedToItsEndWhereSomebodyWaitsForItsMemory() {
    // Keys and values of 224 tokens, or less by some 100 beside 16 rows of activations, copied a
    // layer at a time.
    CacheConfig cache = TestEngines.cache(FLOOR_TOKENS, 160 * 384, 1 << 20);
    LearningConfig learning = TestEngines.learning(TestEngines.adapter(LinearLayer.values()));
    try (Engine engine = TestEngines.start(
            TestEngines.config(learning, cache, new SchedulerConfig(8, 16, 64), 3),
            TestEngines.TINY);
        Engine roomy = TestEngines.serving()) {
      TestEngines.answers(engine, "recorded", prompts(100, 1, 17), 1);
      int[] prompt = TestEngines.tokens(200, 150);
      Answer answer = new Answer();
      Engine.await(engine.inspect(e -> {
        assertThat(e.tree().deviceActivationBytes()).isPositive();
        e.mover().balance(0, 0);
        assertThat(e.mover().stats().completed()).isZero();
        assertThat(e.mover().stats().queued()).isEqualTo(1);
        // Before the copy goes on; from then on a prompt waits or is being prefilled.
        return TestEngines.request(engine, "long", prompt, 8, SamplingParams.GREEDY, answer);
      }));
      Turn turn = Engine.await(answer.turn().orTimeout(30, TimeUnit.SECONDS));
      Turn expected = TestEngines.answers(roomy, "long", List.of(prompt), 8).get(0);
      assertThat(turn.completion()).isEqualTo(expected.completion());
      assertThat(turn.logProbs()).isEqualTo(expected.logProbs());
      assertThat(Engine.await(engine.status()).mover().completed()).isPositive();
      TestEngines.assertNothingHeld(engine);
    }
  }

  @Test
  void whoCannotBeAdmittedYetTakesNothingAway() {
    // 160 tokens: 40 of an answer that has ended, 100 of one that goes on, and 104 for a third, who
    // has to wait.
    try (Engine engine = TestEngines.start(
        TestEngines.config(null, TestEngines.cache(160, 0, 0), 64), TestEngines.TINY)) {
      TestEngines.answers(engine, "ended", prompts(1, 1, 40), 1);
      List<Long> kept = new ArrayList<>();
      Answer running = new Answer(20, () -> kept.add(engine.tree().stats().kvTokens()));
      TestEngines.request(
          engine, "running", TestEngines.tokens(2, 60), 40, SamplingParams.GREEDY, running);
      Answer waiting = TestEngines.request(
          engine, "waiting", TestEngines.tokens(3, 103), 8, SamplingParams.GREEDY);
      Turn first = Engine.await(running.turn());
      assertThat(kept).containsExactly(40L + 60L);
      assertThat(first.completion()).hasSize(40);
      assertThat(Engine.await(waiting.turn()).completion()).hasSize(8);
      assertThat(Engine.await(engine.status()).server().preemptions()).isZero();
      TestEngines.assertNothingHeld(engine);
    }
  }

  @Test
  void theLongestRequestIsWhatTheArenaHolds() {
    try (Engine engine = TestEngines.start(
        TestEngines.config(null, TestEngines.cache(FLOOR_TOKENS, 100 * 384, 0), 16),
        TestEngines.TINY)) {
      assertThat(engine.longestAnswer(100)).isEqualTo(64);
      assertThat(TestEngines.answers(engine, "fits", prompts(1, 1, 100), 64)).hasSize(1);
      GenerationRequest request =
          new GenerationRequest("long", TestEngines.tokens(1, 100), 65, SamplingParams.GREEDY, 0);
      assertThatThrownBy(() -> engine.generate(request, new Answer()))
          .isInstanceOf(RequestException.class)
          .hasMessageContaining("may come to 165 tokens, but this server's memory holds 164");
    }
  }
}
