package io.alchemist.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import io.alchemist.train.Reuse;
import io.alchemist.train.TrainingExample;
import io.alchemist.weights.AdapterData;
import io.alchemist.weights.AdapterData.Factors;
import io.alchemist.weights.AdapterData.Site;
import io.alchemist.weights.LinearLayer;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.ParameterId;
import io.alchemist.weights.RandomWeights;
import io.alchemist.weights.Trainable;
import io.alchemist.weights.WeightSource;
import java.nio.FloatBuffer;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Random;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The gradient is that of the reported loss: central differences along directions, a check that owes nothing to the backward
 * pass. Float32 losses allow a percent.
 */
class GradientCheckTest {
  private static final List<TrainingExample> EXAMPLES = List.of(
      example("a", 1, new float[] {1, 1, 0, 0.5f, 1, 1}),
      example("b", 2, new float[] {1, -0.5f, 1}),
      example("c", 3, new float[] {0, 0, 2, 1}));

  private static TrainingExample example(String id, long seed, float[] answerWeights) {
    int[] tokens = TestEngines.tokens(seed, 14 + answerWeights.length);
    float[] weights = new float[tokens.length];
    System.arraycopy(answerWeights, 0, weights, 14, answerWeights.length);
    return new TrainingExample(id, tokens, weights, 1_000_000);
  }

  @ParameterizedTest
  @CsvSource({"4,2,true", "4,1,false", "4,4,true"})
  void wholeModel(int heads, int kvHeads, boolean tied) {
    ModelConfig model = TestEngines.model(heads, kvHeads, tied);
    WeightSource base = new RandomWeights(model, 3, 8);
    Trainable whole = new Trainable.WholeModel();
    Gradients gradient = at(whole, base, null);
    for (ParameterId.Kind kind : ParameterId.Kind.values()) {
      // All directions of one kind at a time, so that no large part hides a wrong small one.
      Map<ParameterId, float[]> direction = direction(gradient, kind, 17);
      if (direction.isEmpty()) {
        continue;
      }
      double step = 4e-3;
      double up = at(whole, moved(base, direction, step), null).report().loss();
      double down = at(whole, moved(base, direction, -step), null).report().loss();
      assertThat((up - down) / (2 * step))
          .as(kind.toString())
          .isCloseTo(gradient.dot(direction), withinPercentage(1));
    }
  }

  @Test
  void adapter() {
    ModelConfig model = TestEngines.TINY;
    WeightSource base = new RandomWeights(model, 3, 8);
    Trainable adapter = TestEngines.adapter(LinearLayer.values());
    AdapterData values = Adapters.random(model, 4, 8, 5, 0.1);
    Gradients gradient = at(adapter, base, values);
    for (LinearLayer linear : LinearLayer.values()) {
      for (ParameterId.Kind kind : List.of(ParameterId.Kind.LORA_A, ParameterId.Kind.LORA_B)) {
        Map<ParameterId, float[]> direction = direction(gradient, kind, 23);
        direction.keySet().removeIf(id -> id.target() != linear);
        double step = 4e-3;
        double up = at(adapter, base, moved(values, direction, step)).report().loss();
        double down =
            at(adapter, base, moved(values, direction, -step)).report().loss();
        assertThat((up - down) / (2 * step))
            .as("%s %s", linear, kind)
            .isCloseTo(gradient.dot(direction), withinPercentage(1));
      }
    }
  }

  private static Gradients at(
      Trainable trainable, WeightSource source, @Nullable AdapterData adapter) {
    EngineConfig config =
        TestEngines.config(TestEngines.learning(trainable), TestEngines.cache(64, 0, 0), 16);
    try (Engine engine = TestEngines.start(config, source)) {
      if (adapter != null) {
        Engine.await(engine.publish(adapter));
      }
      return Gradients.of(engine, EXAMPLES, Reuse.NONE);
    }
  }

  /** Half the gradient's own direction, so that the difference stands out of the rounding, half random; of length one. */
  private static Map<ParameterId, float[]> direction(
      Gradients gradient, ParameterId.Kind kind, long seed) {
    Random random = new Random(seed);
    Map<ParameterId, float[]> direction = new TreeMap<>();
    double gradientNorm = 0;
    int count = 0;
    for (ParameterId id : gradient.values().keySet()) {
      if (id.kind() == kind) {
        for (float g : gradient.of(id)) {
          gradientNorm += (double) g * g;
          count++;
        }
      }
    }
    for (ParameterId id : gradient.values().keySet()) {
      if (id.kind() == kind) {
        float[] d = gradient.of(id).clone();
        for (int i = 0; i < d.length; i++) {
          d[i] = (float) (0.7 * d[i] / Math.sqrt(gradientNorm)
              + 0.7 * random.nextGaussian() / Math.sqrt(count));
        }
        direction.put(id, d);
      }
    }
    return direction;
  }

  private static WeightSource moved(
      WeightSource base, Map<ParameterId, float[]> direction, double step) {
    Map<String, float[]> byName = new HashMap<>();
    direction.forEach((id, d) -> byName.put(id.checkpointName(), d));
    return new WeightSource() {
      @Override
      public ModelConfig config() {
        return base.config();
      }

      @Override
      public void read(String name, long offset, FloatBuffer into) {
        int from = into.position();
        base.read(name, offset, into);
        float[] d = byName.get(name);
        for (int i = from; d != null && i < into.position(); i++) {
          into.put(i, (float) (into.get(i) + step * d[(int) offset + i - from]));
        }
      }
    };
  }

  private static AdapterData moved(
      AdapterData values, Map<ParameterId, float[]> direction, double step) {
    NavigableMap<Site, Factors> factors = new TreeMap<>();
    values
        .factors()
        .forEach((site, f) -> factors.put(
            site,
            new Factors(
                moved(f.a(), direction.get(ParameterId.loraA(site.layer(), site.linear())), step),
                moved(
                    f.b(), direction.get(ParameterId.loraB(site.layer(), site.linear())), step))));
    return new AdapterData(values.rank(), values.alpha(), factors);
  }

  private static float[] moved(float[] values, float @Nullable [] d, double step) {
    float[] moved = values.clone();
    for (int i = 0; d != null && i < moved.length; i++) {
      moved[i] = (float) (moved[i] + step * d[i]);
    }
    return moved;
  }
}
