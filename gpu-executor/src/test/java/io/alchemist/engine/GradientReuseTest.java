package io.alchemist.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.alchemist.serve.SamplingParams;
import io.alchemist.serve.Turn;
import io.alchemist.train.GradientReport;
import io.alchemist.train.Reuse;
import io.alchemist.train.TrainingExample;
import io.alchemist.weights.LinearLayer;
import io.alchemist.weights.ParameterId;
import io.alchemist.weights.Trainable;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** The gradient from what serving logged equals the gradient of full recomputation. */
class GradientReuseTest {

  @Test
  void loraGradientFromHandlesEqualsRecomputation() {
    check(TestEngines.adapter(LinearLayer.values()), 64, 8L << 20, 0);
  }

  @Test
  void fullGradientFromHandlesEqualsRecomputation() {
    check(new Trainable.WholeModel(), 24, 8L << 20, 0);
  }

  private static void check(
      Trainable trainable, int stepTokens, long activationBytes, long hostBytes) {
    EngineConfig config = TestEngines.config(
        TestEngines.learning(trainable),
        TestEngines.cache(1024, activationBytes, hostBytes),
        stepTokens);
    try (Engine engine = TestEngines.start(config, TestEngines.TINY)) {
      Random random = new Random(5);
      int[] shared = random.ints(21, 0, 97).toArray();
      List<TrainingExample> examples = new ArrayList<>();
      for (int i = 0; i < 6; i++) {
        int[] prompt = IntStream.concat(IntStream.of(shared), random.ints(3 + 5 * i, 0, 97))
            .toArray();
        Turn turn = TestEngines.generate(engine, "turn-" + i, prompt, 6, SamplingParams.GREEDY)
            .join();
        examples.add(TrainingExample.completion(
            turn.id(), prompt, random.ints(5, 0, 97).toArray(), turn.version()));
      }
      GradientReport logged = engine.accumulate(examples, Reuse.LOGGED).join();
      Map<ParameterId, float[]> fromLog = takeGradient(engine);
      GradientReport anew = engine.accumulate(examples, Reuse.NONE).join();
      Map<ParameterId, float[]> recomputed = takeGradient(engine);
      System.out.println(logged + "\n" + anew + " " + relativeError(fromLog, recomputed));
      assertThat(logged.loss())
          .isCloseTo(anew.loss(), org.assertj.core.data.Percentage.withPercentage(1e-3));
      assertThat(logged.recomputedTokens()).isZero();
      assertThat(logged.rows()).isLessThan(anew.rows());
      assertThat(relativeError(fromLog, recomputed)).isLessThan(1e-5);
    }
  }

  static Map<ParameterId, float[]> takeGradient(Engine engine) {
    return engine
        .inspect(e -> {
          Map<ParameterId, float[]> all = new TreeMap<>();
          Learner learner = java.util.Objects.requireNonNull(e.learner());
          learner.sum().gradient().forEach((id, tensor) -> all.put(id, e.ops().read(tensor)));
          learner.sum().clear(e.ops());
          return all;
        })
        .join();
  }

  /** The norm of the difference over the norm, of all parameters together. */
  static double relativeError(Map<ParameterId, float[]> a, Map<ParameterId, float[]> b) {
    double difference = 0;
    double norm = 0;
    for (Map.Entry<ParameterId, float[]> entry : b.entrySet()) {
      float[] mine = java.util.Objects.requireNonNull(a.get(entry.getKey()));
      for (int i = 0; i < mine.length; i++) {
        difference += Math.pow(mine[i] - entry.getValue()[i], 2);
        norm += Math.pow(entry.getValue()[i], 2);
      }
    }
    assertThat(norm).isPositive();
    return Math.sqrt(difference / norm);
  }
}
