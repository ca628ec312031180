package io.alchemist.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.alchemist.files.PeftDirectory;
import io.alchemist.serve.Turn;
import io.alchemist.train.GradientReport;
import io.alchemist.train.OptimizerConfig;
import io.alchemist.train.Reuse;
import io.alchemist.train.TrainingExample;
import io.alchemist.weights.AdapterData;
import io.alchemist.weights.AdapterData.Factors;
import io.alchemist.weights.LinearLayer;
import io.alchemist.weights.OptimizerState;
import io.alchemist.weights.Trainable;
import io.alchemist.weights.WeightStore;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a round over several engines is made of: gradients apart, drafts, losses, one optimizer outside. */
class DraftsTest {
  private static final int[] PROMPT = TestEngines.tokens(5, 37);
  private static final OptimizerConfig ADAM = OptimizerConfig.withRate(1e-2f);

  private static TrainingExample example(String id, long seed, long version) {
    return TrainingExample.completion(id, PROMPT, TestEngines.tokens(seed, 6), version);
  }

  private static Trainable.Adapter trainable() {
    return (Trainable.Adapter) TestEngines.adapter(LinearLayer.values());
  }

  @Test
  void aGradientApartEqualsTheOneThatIsAddedUp() {
    try (Engine engine = TestEngines.learning()) {
      TestEngines.publishSomething(engine, 3);
      long version = Engine.await(engine.liveVersion());
      TestEngines.answers(engine, "t", List.of(PROMPT), 4);
      List<TrainingExample> one = List.of(example("a", 1, version));
      List<TrainingExample> two = List.of(example("b", 2, version));

      CompletableFuture<HostGradient> first = engine.gradient(one, Reuse.LOGGED);
      CompletableFuture<HostGradient> second = engine.gradient(two, Reuse.LOGGED);
      Engine.await(engine.accumulate(one, Reuse.LOGGED));
      HostGradient added = Engine.await(engine.takeGradient());

      assertThat(Engine.await(first).report().reusedTokens()).isEqualTo(PROMPT.length - 1);
      assertThat(Engine.await(first).relativeError(added)).isZero();
      assertThat(Engine.await(second).relativeError(added)).isGreaterThan(0.1);
      assertThat(Engine.await(first).cosine(added)).isCloseTo(1, within(1e-12));
      assertThat(Engine.await(second).cosine(added)).isLessThan(0.99);
      TestEngines.assertNothingHeld(engine);
    }
  }

  @Test
  void theLossAloneIsThatOfTheGradient() {
    try (Engine engine = TestEngines.learning()) {
      TestEngines.publishSomething(engine, 3);
      long version = Engine.await(engine.liveVersion());
      TestEngines.answers(engine, "t", List.of(PROMPT), 4);
      List<TrainingExample> examples =
          List.of(example("a", 1, version), example("b", 2, version), example("c", 3, 1));

      GradientReport loss = Engine.await(engine.loss(examples));
      GradientReport gradient =
          Engine.await(engine.gradient(examples, Reuse.LOGGED)).report();

      assertThat(loss.loss()).isEqualTo(gradient.loss());
      assertThat(loss.weight()).isEqualTo(18);
      assertThat(Engine.await(engine.status()).trained().examples())
          .as("a loss alone trains nothing")
          .isEqualTo(3);
      TestEngines.assertNothingHeld(engine);
    }
  }

  @Test
  void aDraftIsTrainedOnAndNeverServed() {
    AdapterData adapter = Adapters.random(TestEngines.TINY, 4, 8, 11, 0.2);
    try (Engine engine = TestEngines.learning();
        Engine other = TestEngines.learning()) {
      List<Turn> before = TestEngines.answers(engine, "t", List.of(PROMPT), 8);
      Engine.await(engine.stage(-5, adapter));
      HostGradient atDraft =
          Engine.await(engine.gradient(List.of(example("a", 1, -5)), Reuse.LOGGED));

      long published = Engine.await(other.publish(adapter));
      HostGradient atVersion =
          Engine.await(other.gradient(List.of(example("a", 1, published)), Reuse.LOGGED));

      assertThat(atDraft.report().reusedTokens()).isZero();
      assertThat(atDraft.relativeError(atVersion)).isZero();
      assertThat(TestEngines.answers(engine, "u", List.of(PROMPT), 8).get(0).completion())
          .isEqualTo(before.get(0).completion());
      assertThat(Engine.await(engine.versions())).doesNotContain(-5L);
    }
  }

  @Test
  void draftsAreFewAndLeaveNothingBehind() {
    AdapterData adapter = Adapters.random(TestEngines.TINY, 4, 8, 11, 0.2);
    try (Engine engine = TestEngines.learning()) {
      long bytes = Engine.await(engine.status()).deviceBytes();
      for (int i = 0; i < WeightStore.MAX_DRAFTS; i++) {
        Engine.await(engine.stage(-5 - i, adapter));
      }
      assertThat(Engine.await(engine.status()).deviceBytes()).isGreaterThan(bytes);
      assertThatThrownBy(() -> Engine.await(engine.stage(-6, adapter)))
          .hasMessageContaining("number -6");
      assertThatThrownBy(() -> Engine.await(engine.stage(4, adapter)))
          .hasMessageContaining("below -1");
      assertThatThrownBy(() -> Engine.await(engine.stage(-50, adapter)))
          .hasMessageContaining("is the limit");
      for (int i = 0; i < WeightStore.MAX_DRAFTS; i++) {
        Engine.await(engine.unstage(-5 - i));
      }
      assertThat(Engine.await(engine.status()).deviceBytes()).isEqualTo(bytes);
      assertThatThrownBy(
              () -> Engine.await(engine.gradient(List.of(example("a", 1, -5)), Reuse.LOGGED)))
          .hasMessageContaining("draft -5")
          .hasMessageContaining("not staged");
    }
  }

  @Test
  void aVersionFromElsewhereKeepsItsNumber() {
    AdapterData adapter = Adapters.random(TestEngines.TINY, 4, 8, 11, 0.2);
    try (Engine engine = TestEngines.learning()) {
      Engine.await(engine.publish(17, adapter));
      assertThat(Engine.await(engine.liveVersion())).isEqualTo(17);
      assertThatThrownBy(() -> Engine.await(engine.publish(17, adapter)))
          .hasMessageContaining("not above 17");
      assertThat(Engine.await(engine.liveVersion())).isEqualTo(17);
    }
  }

  @Test
  void anOptimizerOutsideStepsAsTheEnginesOwn(@TempDir Path directory) {
    try (Engine engine = TestEngines.learning();
        AdapterOptimizer outside = new AdapterOptimizer(TestEngines.TINY, trainable(), ADAM)) {
      for (int step = 0; step < 3; step++) {
        long version = Engine.await(engine.liveVersion());
        List<TrainingExample> examples =
            List.of(example("a", 1 + step, version), example("b", 9, version));
        double norm = outside.step(Engine.await(engine.gradient(examples, Reuse.LOGGED)));
        assertThat(norm).isEqualTo(Engine.await(engine.train(examples)).gradientNorm());
      }
      assertSame(outside.adapter(), Engine.await(engine.adapter()));

      Path saved = directory.resolve("v4");
      PeftDirectory.write(saved, outside.adapter(), TestEngines.TINY, null, outside.state());
      AdapterData read = PeftDirectory.read(saved, TestEngines.TINY);
      OptimizerState state =
          PeftDirectory.readOptimizer(saved, read, TestEngines.TINY).orElseThrow();
      assertThat(state.steps()).isEqualTo(3);
      try (AdapterOptimizer again = new AdapterOptimizer(TestEngines.TINY, trainable(), ADAM)) {
        again.restore(read, state);
        HostGradient gradient =
            Engine.await(engine.gradient(List.of(example("c", 4, 1)), Reuse.NONE));
        again.step(gradient);
        outside.step(gradient);
        assertSame(again.adapter(), outside.adapter());
      }
    }
  }

  private static void assertSame(AdapterData mine, AdapterData other) {
    assertThat(mine.factors().keySet()).isEqualTo(other.factors().keySet());
    mine.factors().forEach((site, factors) -> {
      Factors theirs = Objects.requireNonNull(other.factors().get(site));
      assertThat(factors.a()).as("%s A", site).isEqualTo(theirs.a());
      assertThat(factors.b()).as("%s B", site).isEqualTo(theirs.b());
    });
  }
}
