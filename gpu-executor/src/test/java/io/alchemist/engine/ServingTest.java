package io.alchemist.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.alchemist.serve.FinishReason;
import io.alchemist.serve.GenerationRequest;
import io.alchemist.serve.SampledToken;
import io.alchemist.serve.SamplingParams;
import io.alchemist.serve.SchedulerConfig;
import io.alchemist.serve.Turn;
import io.alchemist.train.Reuse;
import io.alchemist.train.TrainerConfig;
import io.alchemist.train.TrainingExample;
import io.alchemist.weights.LinearLayer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.ShrinkingMode;
import org.junit.jupiter.api.Test;

/** A request's tokens and log-probabilities depend on its prompt, parameters and weights only, bit by bit. */
class ServingTest {
  private static final int ANSWER = 30;
  private static final List<int[]> PROMPTS = List.of(
      TestEngines.concat(TestEngines.tokens(1, 25), TestEngines.tokens(2, 9)),
      TestEngines.concat(TestEngines.tokens(1, 25), TestEngines.tokens(3, 16)),
      TestEngines.tokens(4, 3),
      TestEngines.concat(TestEngines.tokens(1, 25), TestEngines.tokens(2, 9)),
      TestEngines.tokens(5, 61));
  private static final List<SamplingParams> SAMPLING = List.of(
      SamplingParams.GREEDY,
      new SamplingParams(1, 0, 1, 42),
      new SamplingParams(0.7f, 20, 0.9f, 43),
      new SamplingParams(1.5f, 0, 0.8f, 44),
      SamplingParams.GREEDY);

  /** How requests are served. */
  record Setup(
      int kvTokens,
      int pageTokens,
      int stepTokens,
      int sequences,
      long sharedBytes,
      boolean known,
      long order) {}

  @Provide
  Arbitrary<Setup> setups() {
    return Combinators.combine(
            Arbitraries.of(112, 160, 2048),
            Arbitraries.of(1, 4, 16),
            Arbitraries.of(8, 13, 64, 300),
            Arbitraries.of(1, 3, 8),
            Arbitraries.of(0L, 40_000L, 16L << 20),
            Arbitraries.of(true, false),
            Arbitraries.longs().between(0, 1000))
        .as(Setup::new);
  }

  @Property(tries = 25, shrinking = ShrinkingMode.OFF)
  void answersDoNotDependOnHowTheyAreServed(@ForAll("setups") Setup setup) {
    CacheConfig cache =
        new CacheConfig(setup.pageTokens, setup.kvTokens, setup.sharedBytes, 0, 0, null);
    EngineConfig config = TestEngines.config(
        null, cache, new SchedulerConfig(setup.sequences, setup.stepTokens, 64), 0);
    try (Engine engine = TestEngines.start(config, TestEngines.TINY)) {
      if (setup.known) {
        TestEngines.answers(engine, "before", PROMPTS.subList(0, 2), 5);
      }
      List<CompletableFuture<Turn>> running = new ArrayList<>();
      for (int i = 0; i < PROMPTS.size(); i++) {
        int which = (int) ((i + setup.order) % PROMPTS.size());
        running.add(TestEngines.generate(
            engine, "t" + which, PROMPTS.get(which), ANSWER, SAMPLING.get(which)));
      }
      for (CompletableFuture<Turn> one : running) {
        Turn turn = Engine.await(one);
        Turn expected = Expected.TURNS.get(Integer.parseInt(turn.id().substring(1)));
        assertThat(turn.completion()).isEqualTo(expected.completion());
        assertThat(turn.logProbs()).isEqualTo(expected.logProbs());
        assertThat(turn.finish()).isEqualTo(FinishReason.LENGTH);
      }
      TestEngines.assertNothingHeld(engine);
    }
  }

  /** What an engine that does nothing else says, one after the other, each in one chunk, nothing shared. */
  private static final class Expected {
    static final List<Turn> TURNS = alone();

    private static List<Turn> alone() {
      List<Turn> turns = new ArrayList<>();
      for (int i = 0; i < PROMPTS.size(); i++) {
        EngineConfig config = TestEngines.config(
            null, TestEngines.cache(128, 0, 0), new SchedulerConfig(1, 128, 1), 0);
        try (Engine engine = TestEngines.start(config, TestEngines.TINY)) {
          turns.add(Engine.await(
              TestEngines.generate(engine, "t", PROMPTS.get(i), ANSWER, SAMPLING.get(i))));
        }
      }
      return turns;
    }
  }

  @Test
  void memoryForFewTokensPreemptsAndTheAnswersAreTheSame() {
    EngineConfig config = TestEngines.config(
        null, TestEngines.cache(64, 20_000, 0), new SchedulerConfig(4, 6, 64), 0);
    try (Engine engine = TestEngines.start(config, TestEngines.TINY)) {
      List<Turn> turns = TestEngines.answers(engine, "t", PROMPTS, ANSWER);
      assertThat(Engine.await(engine.status()).server().preemptions()).isPositive();
      assertThat(turns.get(4).completion()).isEqualTo(Expected.TURNS.get(4).completion());
      assertThat(turns.get(0).logProbs()).isEqualTo(Expected.TURNS.get(0).logProbs());
    }
  }

  @Test
  void trainingBetweenTheStepsChangesNeitherAnswersNorTheGradient() {
    LearningConfig learning = new LearningConfig(
        TestEngines.adapter(LinearLayer.values()),
        TestEngines.learning(TestEngines.adapter(LinearLayer.Q)).optimizer(),
        new TrainerConfig(64, 97 * 64, 8));
    EngineConfig config = TestEngines.config(learning, TestEngines.roomyCache(), 16);
    List<TrainingExample> examples = new ArrayList<>();
    for (int i = 0; i < 40; i++) {
      examples.add(
          TrainingExample.completion("e" + i, PROMPTS.get(i % 4), TestEngines.tokens(i, 7), 1));
    }
    Gradients quiet;
    try (Engine engine = TestEngines.start(config, TestEngines.TINY)) {
      TestEngines.answers(engine, "before", PROMPTS.subList(0, 4), 3);
      quiet = Gradients.of(engine, examples, Reuse.LOGGED);
      assertThat(quiet.report().microBatches()).isGreaterThan(3);
    }
    try (Engine engine = TestEngines.start(config, TestEngines.TINY)) {
      TestEngines.answers(engine, "before", PROMPTS.subList(0, 4), 3);
      CompletableFuture<Gradients> busy = new CompletableFuture<>();
      // Asked for in the middle of an answer, so that the two take turns.
      Answer answer = new Answer(2, accumulate(engine, examples, busy));
      TestEngines.request(engine, "t4", PROMPTS.get(4), ANSWER, SAMPLING.get(4), answer);
      Turn turn = Engine.await(answer.turn());
      assertThat(turn.completion()).isEqualTo(Expected.TURNS.get(4).completion());
      assertThat(turn.logProbs()).isEqualTo(Expected.TURNS.get(4).logProbs());
      // Not bit by bit: what is served meanwhile may split a logged stretch, and its two halves are
      // added up apart.
      Engine.await(busy).assertEquals(quiet);
    }
  }

  private static Runnable accumulate(
      Engine engine, List<TrainingExample> examples, CompletableFuture<Gradients> gradient) {
    return () -> {
      CompletableFuture<Void> unused = engine
          .accumulate(examples, Reuse.LOGGED)
          .thenAcceptAsync(report -> gradient.complete(Gradients.take(engine, report)));
    };
  }

  @Test
  void alternativesBeginWithTheMostLikely() {
    try (Engine engine = TestEngines.serving()) {
      Answer answer = new Answer();
      answer.failWith(engine.generate(
          new GenerationRequest("a", PROMPTS.get(0), 5, SamplingParams.GREEDY, 3), answer));
      Answer without = TestEngines.request(engine, "b", PROMPTS.get(1), 5, SamplingParams.GREEDY);
      Engine.await(answer.turn());
      for (SampledToken token : answer.tokens()) {
        assertThat(token.alternativeIds()).hasSize(3).startsWith(token.id());
        assertThat(token.alternativeLogProbs()[0]).isEqualTo(token.logProb());
        assertThat(token.alternativeLogProbs()[1]).isLessThanOrEqualTo(token.logProb());
      }
      Engine.await(without.turn());
      assertThat(without.tokens()).allMatch(token -> token.alternativeIds().length == 0);
    }
  }

  @Test
  void anEndOfTurnTokenStopsAndIsPartOfTheTurn() {
    int[] whole = Expected.TURNS.get(4).completion();
    int end = whole[6];
    int first = 0;
    while (whole[first] != end) {
      first++;
    }
    EngineConfig usual = TestEngines.config(null, TestEngines.roomyCache(), 64);
    EngineConfig config = new EngineConfig(
        usual.deviceBytes(),
        usual.cache(),
        usual.scheduler(),
        usual.latency(),
        null,
        0,
        10,
        Set.of(end));
    try (Engine engine = TestEngines.start(config, TestEngines.TINY)) {
      Answer answer =
          TestEngines.request(engine, "t", PROMPTS.get(4), ANSWER, SamplingParams.GREEDY);
      Turn turn = Engine.await(answer.turn());
      assertThat(turn.finish()).isEqualTo(FinishReason.STOP);
      assertThat(turn.completion()).isEqualTo(Arrays.copyOf(whole, first + 1));
      assertThat(answer.tokens()).as("the listener gets text only").hasSize(first);
      assertThat(engine.turns().find("t")).containsSame(turn);
    }
  }

  @Test
  void theContextsEndEndsTheAnswer() {
    try (Engine engine = TestEngines.serving()) {
      int context = TestEngines.TINY.maxPositions();
      Turn turn = Engine.await(TestEngines.generate(
          engine, "t", TestEngines.tokens(1, context - 5), 50, SamplingParams.GREEDY));
      assertThat(turn.finish()).isEqualTo(FinishReason.LENGTH);
      assertThat(turn.completion()).hasSize(5);
    }
  }

  @Test
  void asManyTokensAsAskedForAreGiven() {
    try (Engine engine = TestEngines.serving()) {
      Turn turn = TestEngines.answers(engine, "t", PROMPTS.subList(2, 3), 1).get(0);
      assertThat(turn.finish()).isEqualTo(FinishReason.LENGTH);
      assertThat(turn.completion()).hasSize(1);
      assertThat(turn.logProbs()).hasSize(1);
    }
  }
}
