package io.alchemist.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.alchemist.metrics.Metrics;
import io.alchemist.serve.FinishReason;
import io.alchemist.serve.GenerationRequest;
import io.alchemist.serve.RequestException;
import io.alchemist.serve.SampledToken;
import io.alchemist.serve.SamplingParams;
import io.alchemist.serve.SchedulerConfig;
import io.alchemist.serve.TokenListener;
import io.alchemist.serve.Turn;
import io.alchemist.tensor.DeviceMemoryException;
import io.alchemist.train.GradientReport;
import io.alchemist.train.NonFiniteGradientException;
import io.alchemist.train.OptimizerConfig;
import io.alchemist.train.Reuse;
import io.alchemist.train.TrainerConfig;
import io.alchemist.train.TrainingExample;
import io.alchemist.weights.LinearLayer;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.RandomWeights;
import io.alchemist.weights.WeightNames;
import io.alchemist.weights.WeightSource;
import java.nio.FloatBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What goes wrong ends what it concerns, says why, and leaves the engine as it was. */
class EngineFaultsTest {
  private static final int[] PROMPT = TestEngines.tokens(1, 20);

  private static RequestException refused(CompletableFuture<?> result) {
    try {
      result.join();
    } catch (CompletionException e) {
      if (e.getCause() instanceof RequestException refusal) {
        return refusal;
      }
      throw e;
    }
    throw new AssertionError("The request was not refused");
  }

  private static void assertServes(Engine engine) {
    Turn turn = TestEngines.answers(engine, "still", List.of(TestEngines.tokens(77, 9)), 4)
        .get(0);
    assertThat(turn.completion()).hasSize(4);
    TestEngines.assertNothingHeld(engine);
  }

  // ---- requests that are refused

  @Test
  void badRequestsAreRefusedAtOnce() {
    try (Engine engine = TestEngines.start(
        TestEngines.config(null, TestEngines.cache(128, 0, 0), 16), TestEngines.TINY)) {
      assertRefused(engine, new int[0], 5, 0, "The prompt has no tokens; send some text.");
      assertRefused(
          engine, PROMPT, 0, 0, "max_tokens = 0 is not positive; ask for at least one token.");
      assertRefused(
          engine,
          TestEngines.tokens(1, 256),
          5,
          0,
          "The prompt has 256 tokens, but the model's context holds 256 together with the answer."
              + " Shorten the prompt.");
      assertRefused(
          engine,
          PROMPT,
          109,
          0,
          "Prompt and answer may come to 129 tokens, but this server's memory holds 128. Ask for fewer"
              + " tokens, or give the server more memory for keys and values.");
      assertRefused(
          engine, new int[] {3, 97}, 5, 0, "Token 97 is not in the vocabulary, which ends at 97.");
      assertRefused(
          engine, new int[] {3, -1}, 5, 0, "Token -1 is not in the vocabulary, which ends at 97.");
      assertRefused(
          engine,
          PROMPT,
          5,
          98,
          "top_logprobs = 98 is not in [0, 97], the size of the vocabulary.");
      assertRefused(
          engine,
          PROMPT,
          5,
          -1,
          "top_logprobs = -1 is not in [0, 97], the size of the vocabulary.");
      assertServes(engine);
    }
  }

  private static void assertRefused(
      Engine engine, int[] prompt, int maxTokens, int alternatives, String message) {
    assertThatThrownBy(() -> engine.generate(
            new GenerationRequest("r", prompt, maxTokens, SamplingParams.GREEDY, alternatives),
            new Answer()))
        .isInstanceOfSatisfying(RequestException.class, e -> assertThat(e.kind())
            .isEqualTo(RequestException.Kind.INVALID))
        .hasMessage(message);
  }

  @Test
  void anAnswerAsLongAsMemoryAllowsIsGiven() {
    try (Engine engine = TestEngines.start(
        TestEngines.config(null, TestEngines.cache(128, 0, 0), 16), TestEngines.TINY)) {
      assertThat(TestEngines.answers(engine, "t", List.of(PROMPT), 108).get(0).completion())
          .hasSize(108);
      assertServes(engine);
    }
  }

  @Test
  void aFullQueueRefusesWithBusy() {
    EngineConfig config =
        TestEngines.config(null, TestEngines.roomyCache(), new SchedulerConfig(1, 16, 2), 0);
    try (Engine engine = TestEngines.start(config, TestEngines.TINY)) {
      List<Answer> queued = new ArrayList<>();
      Answer first = new Answer(2, () -> {
        for (int i = 0; i < 3; i++) {
          queued.add(TestEngines.request(engine, "q" + i, PROMPT, 3, SamplingParams.GREEDY));
        }
      });
      TestEngines.request(engine, "first", PROMPT, 20, SamplingParams.GREEDY, first);
      Engine.await(first.turn());
      RequestException busy = refused(queued.get(2).turn());
      assertThat(busy.kind()).isEqualTo(RequestException.Kind.BUSY);
      assertThat(busy)
          .hasMessage("2 requests wait already, which is the limit. Try again in a moment.");
      Engine.await(queued.get(0).turn());
      Engine.await(queued.get(1).turn());
      assertServes(engine);
    }
  }

  @Test
  void anIdInUseIsRefused() {
    try (Engine engine = TestEngines.serving()) {
      CompletableFuture<Answer> second = new CompletableFuture<>();
      Answer first = new Answer(
          2,
          () -> second.complete(
              TestEngines.request(engine, "same", PROMPT, 3, SamplingParams.GREEDY)));
      TestEngines.request(engine, "same", PROMPT, 9, SamplingParams.GREEDY, first);
      assertThat(Engine.await(first.turn()).completion()).hasSize(9);
      assertThat(refused(Engine.await(second).turn()))
          .hasMessage("A request 'same' is being served already.");
      assertServes(engine);
    }
  }

  // ---- requests that end early

  @Test
  void cancelGivesPlaceAndPagesBack() {
    EngineConfig config = TestEngines.config(
        null, TestEngines.cache(128, 1 << 20, 0), new SchedulerConfig(1, 16, 8), 0);
    try (Engine engine = TestEngines.start(config, TestEngines.TINY)) {
      CompletableFuture<Answer> waiting = new CompletableFuture<>();
      Answer running = new Answer(3, () -> {
        waiting.complete(TestEngines.request(engine, "waiting", PROMPT, 3, SamplingParams.GREEDY));
        engine.cancel("running");
        engine.cancel("nobody");
      });
      TestEngines.request(engine, "running", PROMPT, 100, SamplingParams.GREEDY, running);
      Turn turn = Engine.await(running.turn());
      assertThat(turn.finish()).isEqualTo(FinishReason.CANCELLED);
      assertThat(turn.completion()).hasSize(3);
      assertThat(Engine.await(Engine.await(waiting).turn()).finish())
          .isEqualTo(FinishReason.LENGTH);
      assertServes(engine);
    }
  }

  @Test
  void cancelOfARequestThatWaitsOrIsPrefilled() {
    EngineConfig config = TestEngines.config(
        null, TestEngines.cache(512, 1 << 20, 0), new SchedulerConfig(2, 4, 8), 0);
    try (Engine engine = TestEngines.start(config, TestEngines.TINY)) {
      List<Answer> others = new CopyOnWriteArrayList<>();
      Answer running = new Answer(2, () -> {
        for (int i = 0; i < 3; i++) {
          others.add(TestEngines.request(
              engine, "o" + i, TestEngines.tokens(i, 50), 3, SamplingParams.GREEDY));
        }
      });
      TestEngines.request(engine, "running", PROMPT, 30, SamplingParams.GREEDY, running);
      await().until(() -> others.size() == 3);
      for (int i = 0; i < 3; i++) {
        engine.cancel("o" + i);
      }
      for (Answer other : others) {
        assertThat(Engine.await(other.turn()).finish())
            .isIn(FinishReason.CANCELLED, FinishReason.LENGTH);
      }
      assertThat(Engine.await(running.turn()).completion()).hasSize(30);
      assertServes(engine);
    }
  }

  @Test
  void aListenerMayStopOrFailWithoutHarmToOthers() {
    try (Engine engine = TestEngines.serving()) {
      Turn expected = TestEngines.answers(engine, "alone", List.of(PROMPT), 20).get(0);
      Answer failing = new Answer(3, () -> {
        throw new IllegalStateException("the connection is gone");
      });
      List<FinishReason> ends = new ArrayList<>();
      TokenListener stopping = new TokenListener() {
        @Override
        public boolean onToken(SampledToken token) {
          return false;
        }

        @Override
        public void onEnd(Turn turn, @Nullable RequestException error) {
          ends.add(turn.finish());
          throw new IllegalStateException("and again");
        }
      };
      CompletableFuture<Void> unused = engine.generate(
          new GenerationRequest("stopping", TestEngines.tokens(5, 12), 9, SamplingParams.GREEDY, 0),
          stopping);
      TestEngines.request(
          engine, "failing", TestEngines.tokens(6, 12), 9, SamplingParams.GREEDY, failing);
      List<Turn> turns = TestEngines.answers(engine, "together", List.of(PROMPT), 20);
      assertThat(turns.get(0).completion()).isEqualTo(expected.completion());
      assertThat(turns.get(0).logProbs()).isEqualTo(expected.logProbs());
      assertThat(Engine.await(failing.turn()).finish()).isEqualTo(FinishReason.CANCELLED);
      assertThat(ends).containsExactly(FinishReason.STOP);
      assertServes(engine);
    }
  }

  @Test
  void whatFailsForOneRequestKeepsNobodyElseFromTheirTokens() {
    try (Engine engine = TestEngines.learning()) {
      Turn expected = TestEngines.answers(engine, "alone", List.of(PROMPT), 20).get(0);
      Answer together = new Answer();
      List<Integer> tokens = new CopyOnWriteArrayList<>();
      Answer failing = new Answer(3, () -> {
        tokens.add(together.tokens().size());
        throw new OutOfMemoryError("says the test");
      });
      // Both begin with the same step, in which this one comes first.
      Engine.await(engine.inspect(e -> {
        TestEngines.request(
            e, "failing", TestEngines.tokens(6, 12), 20, SamplingParams.GREEDY, failing);
        return TestEngines.request(e, "together", PROMPT, 20, SamplingParams.GREEDY, together);
      }));
      Turn turn = Engine.await(together.turn());
      assertThat(tokens).containsExactly(2);
      assertThat(turn.completion()).isEqualTo(expected.completion());
      assertThat(turn.logProbs()).isEqualTo(expected.logProbs());
      assertThatThrownBy(() -> Engine.await(failing.turn()))
          .isInstanceOf(RequestException.class)
          .hasMessageContaining("says the test");
      assertThat(Engine.await(engine.status()).server().running()).isZero();
      TestEngines.assertNothingHeld(engine);
    }
  }

  @Test
  void trainingGoesOnBesideStepsThatTakeLong() {
    EngineConfig usual = TestEngines.config(
        TestEngines.learning(TestEngines.adapter(LinearLayer.values())),
        TestEngines.roomyCache(),
        64);
    EngineConfig impatient = new EngineConfig(
        usual.deviceBytes(),
        usual.cache(),
        usual.scheduler(),
        new LatencyTargets(500, 50, 1, 0.1),
        usual.learning(),
        usual.keptVersions(),
        usual.keptTurns(),
        usual.endOfTurn());
    try (Engine engine = TestEngines.start(impatient, TestEngines.TINY)) {
      CompletableFuture<CompletableFuture<GradientReport>> loss = new CompletableFuture<>();
      CompletableFuture<Boolean> trained = new CompletableFuture<>();
      TokenListener slow = new TokenListener() {
        @Override
        public boolean onToken(SampledToken token) {
          if (!loss.isDone()) {
            loss.complete(engine.loss(List.of(TrainingExample.completion(
                "e", PROMPT, TestEngines.tokens(9, 6), TrainingExample.LIVE))));
          }
          // Longer than the engine's status counts as fresh, which it looks after between two
          // steps.
          long until = System.nanoTime() + Duration.ofMillis(220).toNanos();
          while (System.nanoTime() < until) { // whoever calls the engine unparks its thread
            LockSupport.parkNanos(until - System.nanoTime());
          }
          return true;
        }

        @Override
        public void onEnd(Turn turn, @Nullable RequestException error) {
          trained.complete(loss.join().isDone());
        }
      };
      CompletableFuture<Void> unused = engine.generate(
          new GenerationRequest("slow", PROMPT, 12, SamplingParams.GREEDY, 0), slow);
      assertThat(Engine.await(trained)).as("a slice after each step").isTrue();
    }
  }

  // ---- computations that fail

  /** A model one of whose tokens has an embedding that is not a number. */
  private static WeightSource broken(int token) {
    ModelConfig model = TestEngines.model(4, 2, false);
    WeightSource base = new RandomWeights(model, 1, 8);
    return new WeightSource() {
      @Override
      public ModelConfig config() {
        return model;
      }

      @Override
      public void read(String name, long offset, FloatBuffer into) {
        int from = into.position();
        base.read(name, offset, into);
        if (name.equals(WeightNames.EMBEDDING)) {
          for (int i = from; i < into.position(); i++) {
            if ((offset + i - from) / model.hiddenSize() == token) {
              into.put(i, Float.NaN);
            }
          }
        }
      }
    };
  }

  @Test
  void weightsThatAreNoNumbersEndTheRequestWithAnError() {
    int[] good = Arrays.stream(TestEngines.tokens(3, 30)).filter(t -> t != 13).toArray();
    int[] bad = TestEngines.concat(Arrays.copyOf(good, 10), new int[] {13, 4});
    EngineConfig config = TestEngines.config(null, TestEngines.roomyCache(), 64);
    Turn expected;
    try (Engine engine =
        TestEngines.start(config, new RandomWeights(TestEngines.model(4, 2, false), 1, 8))) {
      expected = TestEngines.answers(engine, "t", List.of(good), 1).get(0);
    }
    try (Engine engine = TestEngines.start(config, broken(13))) {
      Answer first = TestEngines.request(engine, "bad", bad, 5, SamplingParams.GREEDY);
      Answer second = TestEngines.request(engine, "good", good, 1, SamplingParams.GREEDY);
      RequestException error = refused(first.turn());
      assertThat(error)
          .hasMessage("The model's output is not a number at token 12: the weights of version 0"
              + " overflow. Roll back to an earlier version.");
      assertThat(error.code()).isEqualTo("not_a_number");
      assertThat(Engine.await(first.ended()).finish()).isEqualTo(FinishReason.ERROR);
      assertThat(Engine.await(second.turn()).completion()).isEqualTo(expected.completion());
      assertServes(engine);
    }
  }

  @ParameterizedTest
  @CsvSource({"attention,1", "attention,2", "sample,1", "embed,1", "readInts,1", "swiGlu,3"})
  void aStepThatFailsEndsItsRequestsOnly(String operation, int call) {
    FaultyOps faulty = new FaultyOps(TestEngines.DEVICE_BYTES);
    EngineConfig config =
        TestEngines.config(null, TestEngines.roomyCache(), new SchedulerConfig(2, 64, 8), 0);
    try (Engine engine = new Engine(
        config, faulty.ops(), new RandomWeights(TestEngines.TINY, 1, 8), new Metrics())) {
      Turn expected = TestEngines.answers(engine, "alone", List.of(PROMPT), 5).get(0);
      List<Answer> later = new ArrayList<>();
      Answer running = new Answer(4, () -> {
        faulty.fail(operation, call);
        later.add(TestEngines.request(engine, "later", PROMPT, 5, SamplingParams.GREEDY));
      });
      TestEngines.request(
          engine, "running", TestEngines.tokens(8, 12), 40, SamplingParams.GREEDY, running);
      RequestException error = refused(running.turn());
      assertThat(error.code()).isEqualTo("step_failed");
      assertThat(error).hasMessageContaining("No room, says the test");
      Turn turn = Engine.await(running.ended());
      assertThat(turn.finish()).isEqualTo(FinishReason.ERROR);
      assertThat(turn.completion()).hasSize(4);
      Answer survivor = later.get(0);
      if (!survivor.ended().join().finish().equals(FinishReason.ERROR)) {
        assertThat(survivor.turn().join().completion()).isEqualTo(expected.completion());
      }
      assertThat(TestEngines.answers(engine, "again", List.of(PROMPT), 5).get(0).completion())
          .isEqualTo(expected.completion());
      assertServes(engine);
    }
  }

  // ---- training

  private static List<TrainingExample> examples(int count) {
    List<TrainingExample> examples = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      examples.add(TrainingExample.completion(
          "e" + i, TestEngines.tokens(i, 30), TestEngines.tokens(50 + i, 8), 1));
    }
    return examples;
  }

  @ParameterizedTest
  @CsvSource({
    "attention,5",
    "attentionGradient,1",
    "attentionGradient,5",
    "softmaxGradient,3",
    "upload,1",
    "upload,9",
    "embed,2",
    "copy,1"
  })
  void aJobThatFailsLeavesNoPartOfItsGradient(String operation, int call) {
    FaultyOps faulty = new FaultyOps(TestEngines.DEVICE_BYTES);
    LearningConfig learning = new LearningConfig(
        TestEngines.adapter(LinearLayer.values()),
        OptimizerConfig.withRate(1e-2f),
        new TrainerConfig(64, 97 * 64, 8));
    EngineConfig config =
        TestEngines.config(learning, TestEngines.cache(1024, 1 << 20, 1 << 20), 64);
    try (Engine engine = new Engine(
        config, faulty.ops(), new RandomWeights(TestEngines.TINY, 1, 8), new Metrics())) {
      Gradients expected = Gradients.of(engine, examples(4), Reuse.NONE);
      faulty.fail(operation, call);
      assertThatThrownBy(() -> Engine.await(engine.accumulate(examples(4), Reuse.NONE)))
          .isInstanceOf(DeviceMemoryException.class)
          .hasMessage("No room, says the test");
      assertThatThrownBy(() -> Engine.await(engine.step()))
          .hasMessage("No gradient has been added up since the last step; add examples first.");
      Gradients.of(engine, examples(4), Reuse.NONE).assertIdentical(expected);
      assertServes(engine);
    }
  }

  @Test
  void aStepInTheMiddleOfAJobIsRefused() {
    LearningConfig learning = new LearningConfig(
        TestEngines.adapter(LinearLayer.values()),
        OptimizerConfig.withRate(1e-2f),
        new TrainerConfig(64, 97 * 64, 8));
    EngineConfig config = TestEngines.config(learning, TestEngines.roomyCache(), 64);
    try (Engine engine = TestEngines.start(config, TestEngines.TINY)) {
      Gradients expected = Gradients.of(engine, examples(30), Reuse.NONE);
      CompletableFuture<GradientReport> job = new CompletableFuture<>();
      String refusal = Engine.await(engine.inspect(e -> {
        // All on the engine thread, so that the job can't run on between its first slices and the
        // step.
        Learner learner = Objects.requireNonNull(e.learner());
        CompletableFuture<Boolean> unused =
            learner.accumulate(examples(30), Reuse.NONE).thenApply(job::complete);
        learner.trainer().runSlice();
        learner.trainer().runSlice();
        try {
          return "began " + learner.step();
        } catch (IllegalStateException refused) {
          return String.valueOf(refused.getMessage());
        }
      }));
      assertThat(refusal)
          .isEqualTo(
              "A training job is under way, so the gradient is not whole. Wait for the job's report first.");
      Gradients.take(engine, Engine.await(job)).assertIdentical(expected);
    }
  }

  /** As when the engine's loop gives up: nobody waits for ever. */
  @Test
  void whoeverWaitsForTrainingIsToldThatItHasEnded() {
    EngineConfig config = TestEngines.config(
        TestEngines.learning(TestEngines.adapter(LinearLayer.values())),
        TestEngines.roomyCache(),
        64);
    try (Engine engine = TestEngines.start(config, TestEngines.TINY)) {
      List<CompletableFuture<?>> waiting = Engine.await(engine.inspect(e -> {
        Learner learner = Objects.requireNonNull(e.learner());
        List<CompletableFuture<?>> all = new ArrayList<>();
        all.add(learner.gradient(examples(3), Reuse.NONE));
        all.add(learner.gradient(examples(2), Reuse.LOGGED));
        learner.trainer().runSlice();
        learner.trainer().runSlice();
        learner.abort("The engine has stopped, says the test.");
        return all;
      }));
      assertThat(waiting).allSatisfy(one -> assertThatThrownBy(() -> Engine.await(one))
          .hasStackTraceContaining("The engine has stopped, says the test."));
      assertThat(Engine.await(engine.status()).trainingJobs()).isZero();
      assertServes(engine);
    }
  }

  @Test
  void aGradientThatIsNotFiniteChangesNothing() {
    try (Engine engine = TestEngines.learning()) {
      List<Turn> before = TestEngines.answers(engine, "before", List.of(PROMPT), 9);
      float[] weights = new float[20];
      weights[15] = 1e38f;
      weights[16] = 3e38f;
      Engine.await(engine.accumulate(
          List.of(new TrainingExample("extreme", PROMPT, weights, 1)), Reuse.LOGGED));
      assertThatThrownBy(() -> Engine.await(engine.step()))
          .isInstanceOf(NonFiniteGradientException.class)
          .hasMessage(
              "The gradient of step 1 is not finite, so the step was not made and the weights"
                  + " are as before. Lower the learning rate, or look for examples with extreme weights.");
      assertThat(Engine.await(engine.liveVersion())).isEqualTo(1);
      TrainingStep next = Engine.await(engine.train(examples(2)));
      assertThat(next.step()).isEqualTo(1);
      assertThat(next.gradientNorm()).isFinite();
      Engine.await(engine.rollBack(1));
      List<Turn> after = TestEngines.answers(engine, "after", List.of(PROMPT), 9);
      assertThat(after.get(0).logProbs()).isEqualTo(before.get(0).logProbs());
    }
  }

  @Test
  void examplesThatDoNotFitAreRefused() {
    try (Engine engine = TestEngines.learning()) {
      assertThatThrownBy(() -> Engine.await(engine.accumulate(
              List.of(TrainingExample.completion(
                  "long", TestEngines.tokens(1, 255), TestEngines.tokens(2, 9), 1)),
              Reuse.LOGGED)))
          .hasMessage(
              "Example 'long' has 263 tokens, the trainer holds 256 in one pass. Shorten it, or raise"
                  + " the trainer's micro-batch (the model's context is 256).");
      assertThatThrownBy(() -> Engine.await(engine.accumulate(
              List.of(TrainingExample.completion("odd", new int[] {1, 97}, new int[] {2}, 1)),
              Reuse.LOGGED)))
          .hasMessage("Example 'odd' has token 97, the vocabulary ends at 97. Was it written with"
              + " another tokenizer?");
      assertServes(engine);
    }
  }

  @Test
  void tooManyJobsAreRefused() {
    try (Engine engine = TestEngines.learning()) {
      List<CompletableFuture<GradientReport>> jobs = new ArrayList<>();
      List<String> refusals = new ArrayList<>();
      Engine.await(engine.inspect(e -> {
        for (int i = 0; i < 10; i++) {
          try {
            jobs.add(Objects.requireNonNull(e.learner()).accumulate(examples(1), Reuse.NONE));
          } catch (IllegalStateException full) {
            refusals.add(String.valueOf(full.getMessage()));
          }
        }
        return true;
      }));
      assertThat(refusals)
          .hasSize(2)
          .containsOnly(
              "8 training jobs wait already, which is the limit. Wait for one to finish.");
      assertThat(jobs).hasSize(8).allMatch(job -> job.join().examples() == 1);
    }
  }

  @Test
  void anEngineThatOnlyServesSaysSo() {
    try (Engine engine = TestEngines.serving()) {
      assertThatThrownBy(() -> Engine.await(engine.train(examples(1))))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("This engine only serves: it was started without learning. Start it with an"
              + " adapter to train.");
    }
  }

  // ---- the end

  @Test
  void drainRefusesNewRequestsAndLetsOthersEnd() {
    try (Engine engine = TestEngines.serving()) {
      Answer running = new Answer(2, engine::drain);
      TestEngines.request(engine, "running", PROMPT, 20, SamplingParams.GREEDY, running);
      assertThat(Engine.await(running.turn()).completion()).hasSize(20);
      assertThat(engine.isDraining()).isTrue();
      assertThatThrownBy(
              () -> TestEngines.request(engine, "late", PROMPT, 20, SamplingParams.GREEDY))
          .isInstanceOfSatisfying(RequestException.class, e -> assertThat(e.kind())
              .isEqualTo(RequestException.Kind.UNAVAILABLE))
          .hasMessage(
              "This engine is shutting down and takes no more requests; send it to another.");
    }
  }

  @ParameterizedTest
  @CsvSource({"16777216,0", "400000,67108864", "400000,100000"})
  void closeEndsAllThatRunsAndLeavesNothing(long activationBytes, long hostBytes) {
    LearningConfig learning = new LearningConfig(
        TestEngines.adapter(LinearLayer.values()),
        OptimizerConfig.withRate(1e-2f),
        new TrainerConfig(64, 97 * 64, 8));
    EngineConfig config = TestEngines.config(
        learning,
        TestEngines.cache(1024, activationBytes, hostBytes),
        new SchedulerConfig(4, 16, 64),
        2);
    Engine engine = TestEngines.start(config, TestEngines.TINY);
    List<int[]> prompts = new ArrayList<>();
    for (TrainingExample example : examples(12)) {
      prompts.add(Arrays.copyOf(example.tokens(), 30));
    }
    TestEngines.answers(engine, "before", prompts, 3);
    List<CompletableFuture<?>> ends = new ArrayList<>();
    List<Throwable> failures = new CopyOnWriteArrayList<>();
    Thread closer = new Thread(engine::close, "closer");
    closer.setUncaughtExceptionHandler((thread, failure) -> failures.add(failure));
    CountDownLatch asked = new CountDownLatch(1);
    Runnable close = () -> {
      await().until(() -> asked.getCount() == 0);
      closer.start();
      // Until it waits for this very thread, so that none of the requests ends before.
      await().until(() -> closer.getState() == Thread.State.WAITING);
    };
    for (int i = 0; i < 12; i++) {
      Answer answer = i == 0 ? new Answer(10, close) : new Answer();
      ends.add(TestEngines.request(
              engine, "r" + i, TestEngines.tokens(i, 30), 200, SamplingParams.GREEDY, answer)
          .turn());
    }
    for (int i = 0; i < 4; i++) {
      ends.add(engine.accumulate(examples(12), Reuse.LOGGED));
    }
    asked.countDown();
    await().until(() -> closer.getState() == Thread.State.TERMINATED);
    assertThat(failures).as("what was left").isEmpty();
    assertThat(ends).allMatch(CompletableFuture::isDone);
    assertThat(ends.get(1)).isCompletedExceptionally();
    assertThat(refused(ends.get(1))).hasMessage("The engine was closed before this request ended.");
    assertThatThrownBy(() -> Engine.await(engine.status())).hasMessage("The engine is closed.");
    assertThatThrownBy(() -> TestEngines.request(engine, "late", PROMPT, 20, SamplingParams.GREEDY))
        .isInstanceOf(RequestException.class);
    engine.close();
  }
}
