package io.alchemist.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.alchemist.serve.SchedulerConfig;
import io.alchemist.serve.Turn;
import io.alchemist.train.Reuse;
import io.alchemist.train.TrainerConfig;
import io.alchemist.train.TrainingExample;
import io.alchemist.weights.LinearLayer;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.RopeConfig;
import io.alchemist.weights.Trainable;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Prompts so long that a layer's backward has several pieces: some with a stretch of their own, some with several, some with a
 * part of one.
 */
class LongPromptsTest {
  private static final ModelConfig MODEL =
      new ModelConfig("llama", 97, 16, 3, 2, 1, 8, 24, 1e-5f, RopeConfig.plain(10_000), 1500, true);
  /** Pieces have 512 rows with an adapter and 1,024 where weights are trained. */
  private static final int[] LENGTHS = {30, 70, 130, 200, 310, 520, 660, 1200};

  @ParameterizedTest
  @CsvSource({
    "false, DEVICE",
    "false, HOST",
    "false, HOST_ONLY",
    "false, MIXED",
    "true, HOST_ONLY",
    "true, MIXED"
  })
  void theGradientIsThatOfRecomputing(boolean whole, Tier tier) {
    Trainable trainable = whole
        ? new Trainable.WholeModel()
        : TestEngines.adapter(LinearLayer.Q, LinearLayer.V, LinearLayer.DOWN);
    LearningConfig learning = new LearningConfig(
        trainable,
        TestEngines.learning(trainable).optimizer(),
        new TrainerConfig(4000, 97 * 64, 8));
    EngineConfig config = TestEngines.config(
        learning, tier.cache(16, 4096, null), new SchedulerConfig(4, 256, 64), 3);
    try (Engine engine = TestEngines.start(config, MODEL)) {
      List<int[]> prompts = new ArrayList<>();
      for (int length : LENGTHS) {
        prompts.add(TestEngines.tokens(length, length));
      }
      List<TrainingExample> examples = new ArrayList<>();
      for (Turn turn : TestEngines.answers(engine, "t", prompts, 3)) {
        examples.add(TrainingExample.completion(
            turn.id(), turn.prompt(), TestEngines.tokens(9, 6), turn.version()));
      }
      tier.arrange(engine, new Random(1));
      Gradients logged = Gradients.of(engine, examples, Reuse.LOGGED);
      assertThat(logged.report().reusedTokens()).isPositive();
      logged.assertEquals(Gradients.of(engine, examples, Reuse.NONE));
      TestEngines.assertNothingHeld(engine);
    }
  }
}
