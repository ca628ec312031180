package io.alchemist.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.alchemist.serve.SamplingParams;
import io.alchemist.serve.SchedulerConfig;
import io.alchemist.serve.Turn;
import io.alchemist.train.Reuse;
import io.alchemist.train.TrainingExample;
import io.alchemist.weights.AdapterData.Factors;
import io.alchemist.weights.AdapterData.Site;
import io.alchemist.weights.LinearLayer;
import io.alchemist.weights.Trainable;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

/** Weights change between steps, and nothing of one version is ever used with another. */
class VersionsTest {
  private static final List<int[]> PROMPTS = List.of(
      TestEngines.concat(TestEngines.tokens(1, 20), TestEngines.tokens(2, 9)),
      TestEngines.concat(TestEngines.tokens(1, 20), TestEngines.tokens(3, 6)),
      TestEngines.tokens(4, 33));

  private static Engine engine(int keptVersions) {
    return TestEngines.start(
        TestEngines.config(
            TestEngines.learning(TestEngines.adapter(LinearLayer.values())),
            TestEngines.roomyCache(),
            new SchedulerConfig(8, 64, 64),
            keptVersions),
        TestEngines.TINY);
  }

  private static List<TrainingExample> examples(List<Turn> turns, long version) {
    List<TrainingExample> examples = new ArrayList<>();
    for (Turn turn : turns) {
      examples.add(
          TrainingExample.completion(turn.id(), turn.prompt(), turn.completion(), version));
    }
    return examples;
  }

  private static void assertSameAnswers(List<Turn> turns, List<Turn> expected) {
    for (int i = 0; i < expected.size(); i++) {
      assertThat(turns.get(i).completion()).isEqualTo(expected.get(i).completion());
      assertThat(turns.get(i).logProbs()).isEqualTo(expected.get(i).logProbs());
    }
  }

  @Test
  void runningRequestsEndOnTheVersionTheyBeganWith() {
    List<Turn> oldAnswers;
    try (Engine never = engine(3)) {
      oldAnswers = TestEngines.answers(never, "t", PROMPTS, 60);
    }
    List<Turn> newAnswers;
    try (Engine fresh = engine(3)) {
      TestEngines.publishSomething(fresh, 11);
      newAnswers = TestEngines.answers(fresh, "t", PROMPTS, 60);
    }
    assertThat(newAnswers.get(0).completion()).isNotEqualTo(oldAnswers.get(0).completion());

    try (Engine engine = engine(0)) {
      CountDownLatch published = new CountDownLatch(PROMPTS.size());
      List<Answer> running = new ArrayList<>();
      for (int i = 0; i < PROMPTS.size(); i++) {
        // The last of them to come so far publishes.
        Answer answer = new Answer(3, () -> {
          published.countDown();
          if (published.getCount() == 0) {
            CompletableFuture<Long> unused =
                engine.publish(Adapters.random(TestEngines.TINY, 4, 8, 11, 0.2));
          }
        });
        running.add(TestEngines.request(
            engine, "old-" + i, PROMPTS.get(i), 60, SamplingParams.GREEDY, answer));
      }
      await().until(() -> Engine.await(engine.liveVersion()) == 2);
      List<Turn> begunAfter = TestEngines.answers(engine, "new", PROMPTS, 60);
      List<Turn> begunBefore =
          running.stream().map(Answer::turn).map(Engine::await).toList();

      assertThat(begunBefore).allMatch(turn -> turn.version() == 1);
      assertThat(begunAfter).allMatch(turn -> turn.version() == 2);
      assertSameAnswers(begunBefore, oldAnswers);
      assertSameAnswers(begunAfter, newAnswers);
      assertThat(begunAfter.get(2).cachedTokens())
          .as("keys and values of the old version are not for the new one")
          .isZero();
      assertThat(Engine.await(engine.versions())).containsExactly(2L);
    }
  }

  @Test
  void aVersionInUseIsKeptUntilItsLastRequestEnds() {
    try (Engine engine = engine(0)) {
      CompletableFuture<List<Long>> during = new CompletableFuture<>();
      Answer answer = new Answer(2, () -> {
        CompletableFuture<Void> unused = engine
            .publish(Adapters.random(TestEngines.TINY, 4, 8, 1, 0.2))
            .thenCompose(version -> engine.versions())
            .thenAccept(during::complete);
      });
      TestEngines.request(engine, "long", PROMPTS.get(0), 50, SamplingParams.GREEDY, answer);
      Engine.await(answer.turn());
      assertThat(Engine.await(during)).containsExactly(1L, 2L);
      assertThat(Engine.await(engine.versions())).containsExactly(2L);
    }
  }

  @Test
  void delayedGradientIsExactlyThatOfTheVersionThatServed() {
    try (Engine engine = engine(3)) {
      TestEngines.publishSomething(engine, 1);
      List<Turn> turns = TestEngines.answers(engine, "t", PROMPTS, 8);
      List<TrainingExample> examples = examples(turns, turns.get(0).version());
      Gradients before = Gradients.of(engine, examples, Reuse.LOGGED);
      TestEngines.publishSomething(engine, 2);
      Gradients after = Gradients.of(engine, examples, Reuse.LOGGED);
      assertThat(after.report().reusedTokens()).isPositive();
      assertThat(after.report().recomputedTokens()).isZero();
      after.assertIdentical(before);
      Gradients.of(engine, examples, Reuse.NONE).assertEquals(before);

      Gradients live = Gradients.of(engine, examples(turns, 3), Reuse.LOGGED);
      assertThat(live.report().reusedTokens()).isZero();
      assertThat(live.report().loss()).isNotEqualTo(before.report().loss());
    }
  }

  @Test
  void whereTheVersionIsGoneTheGradientIsThatOfTheLiveOne() {
    try (Engine engine = engine(0)) {
      List<Turn> turns = TestEngines.answers(engine, "t", PROMPTS, 8);
      TestEngines.publishSomething(engine, 2);
      assertThat(Engine.await(engine.versions())).containsExactly(2L);
      Gradients late = Gradients.of(engine, examples(turns, 1), Reuse.LOGGED);
      assertThat(late.report().reusedTokens()).isZero();
      late.assertEquals(Gradients.of(engine, examples(turns, 2), Reuse.NONE));
      assertThat(Engine.await(engine.status()).cache().kvTokens())
          .as("what the old version left behind")
          .isZero();
    }
  }

  @Test
  void anExampleWithoutAVersionOfTheAdaptersShapeIsTakenAtTheLiveOne() {
    try (Engine engine = engine(3)) {
      List<Turn> turns = TestEngines.answers(engine, "t", PROMPTS, 8);
      assertThat(Engine.await(engine.versions())).contains(0L);
      Gradients.of(engine, examples(turns, 0), Reuse.LOGGED)
          .assertEquals(Gradients.of(engine, examples(turns, 1), Reuse.NONE));
    }
  }

  @Test
  void aJobMayMixVersions() {
    try (Engine engine = engine(3)) {
      List<TrainingExample> first =
          examples(TestEngines.answers(engine, "a", PROMPTS.subList(0, 1), 8), 1);
      TestEngines.publishSomething(engine, 2);
      List<TrainingExample> second =
          examples(TestEngines.answers(engine, "b", PROMPTS.subList(1, 3), 8), 2);
      Gradients apart = Gradients.of(engine, first, Reuse.LOGGED)
          .plus(Gradients.of(engine, second, Reuse.LOGGED));
      List<TrainingExample> all = new ArrayList<>(second);
      all.addAll(first);
      Gradients together = Gradients.of(engine, all, Reuse.LOGGED);
      assertThat(together.report().microBatches()).isEqualTo(2);
      assertThat(together.report().recomputedTokens()).isZero();
      together.assertEquals(apart);
    }
  }

  @Test
  void rollBackGivesTheSameAnswersAsBefore() {
    try (Engine engine = engine(3)) {
      TestEngines.publishSomething(engine, 1);
      List<Turn> before = TestEngines.answers(engine, "before", PROMPTS, 20);
      TestEngines.publishSomething(engine, 2);
      List<Turn> between = TestEngines.answers(engine, "between", PROMPTS, 20);
      assertThat(between.get(2).completion()).isNotEqualTo(before.get(2).completion());
      Engine.await(engine.rollBack(2));
      assertThat(Engine.await(engine.liveVersion())).isEqualTo(2);
      List<Turn> after = TestEngines.answers(engine, "after", PROMPTS, 20);
      assertSameAnswers(after, before);
      assertThat(after.get(2).cachedTokens())
          .as("its keys and values are still there")
          .isPositive();
      TestEngines.publishSomething(engine, 3);
      assertThat(Engine.await(engine.liveVersion()))
          .as("numbers are never reused")
          .isEqualTo(4);
    }
  }

  @Test
  void trainingGoesOnFromWhatWasRolledBackTo() {
    try (Engine engine = engine(3)) {
      TestEngines.publishSomething(engine, 1);
      Map<Site, Factors> good = Engine.await(engine.adapter()).factors();
      TestEngines.publishSomething(engine, 2);
      Engine.await(engine.rollBack(2));
      Map<Site, Factors> restored = Engine.await(engine.adapter()).factors();
      good.forEach((site, factors) -> {
        Factors now = Objects.requireNonNull(restored.get(site));
        assertThat(now.a()).as(site.toString()).isEqualTo(factors.a());
        assertThat(now.b()).as(site.toString()).isEqualTo(factors.b());
      });
    }
  }

  @Test
  void anEngineThatTrainsDoesNotGoBackToBeforeItsAdapter() {
    try (Engine engine = engine(3)) {
      assertThatThrownBy(() -> Engine.await(engine.rollBack(0)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage(
              "Training can't go back to version 0: its values are kept of [1] only. Roll back to one of these,"
                  + " or keep more versions.");
      assertThat(Engine.await(engine.liveVersion())).isEqualTo(1);
    }
  }

  @Test
  void rollBackToAVersionThatIsGoneSaysWhatToDo() {
    try (Engine engine = engine(0)) {
      TestEngines.publishSomething(engine, 1);
      assertThatThrownBy(() -> Engine.await(engine.rollBack(1)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage(
              "Version 1 is not at hand; kept are [2]. Load its adapter from disk and publish"
                  + " that, or keep more versions.");
      assertThat(Engine.await(engine.liveVersion())).isEqualTo(2);
    }
  }

  @Test
  void memoryDoesNotGrowWithVersions() {
    try (Engine engine = engine(1)) {
      TestEngines.publishSomething(engine, 1);
      TestEngines.publishSomething(engine, 2);
      Gradients unused = Gradients.of(
          engine, examples(TestEngines.answers(engine, "first", PROMPTS, 4), 3), Reuse.LOGGED);
      TestEngines.assertNothingHeld(engine);
      long before = Engine.await(engine.status()).deviceBytes();
      for (int seed = 3; seed < 9; seed++) {
        TestEngines.answers(engine, "t" + seed, PROMPTS, 4);
        TestEngines.publishSomething(engine, seed);
        assertThat(Engine.await(engine.versions())).containsExactly((long) seed, seed + 1L);
      }
      TestEngines.assertNothingHeld(engine);
      assertThat(Engine.await(engine.status()).deviceBytes()).isEqualTo(before);
    }
  }

  @Test
  void wholeModelsArePublishedTooAndTheirMemoryComesBack() {
    EngineConfig config = TestEngines.config(
        TestEngines.learning(new Trainable.WholeModel()),
        TestEngines.roomyCache(),
        new SchedulerConfig(8, 64, 64),
        1);
    try (Engine engine = TestEngines.start(config, TestEngines.TINY)) {
      List<Turn> turns = TestEngines.answers(engine, "t", PROMPTS, 8);
      double firstLoss = 0;
      double lastLoss = 0;
      long bytes = 0;
      for (int step = 1; step <= 6; step++) {
        TrainingStep done = Engine.await(engine.train(List.of(TrainingExample.completion(
            "e", PROMPTS.get(0), TestEngines.tokens(5, 6), turns.get(0).version() + step - 1))));
        assertThat(done.step()).isEqualTo(step);
        assertThat(done.version()).isEqualTo(step);
        lastLoss = done.batch().meanLoss();
        if (step == 1) {
          firstLoss = lastLoss;
        } else if (step == 2) {
          TestEngines.assertNothingHeld(engine);
          bytes = Engine.await(engine.status()).deviceBytes();
        }
      }
      assertThat(lastLoss).isLessThan(firstLoss);
      assertThat(Engine.await(engine.versions())).containsExactly(5L, 6L);
      TestEngines.assertNothingHeld(engine);
      assertThat(Engine.await(engine.status()).deviceBytes()).isEqualTo(bytes);
    }
  }
}
