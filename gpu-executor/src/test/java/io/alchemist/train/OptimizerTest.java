package io.alchemist.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.alchemist.tensor.AdamWStep;
import io.alchemist.tensor.Ops;
import io.alchemist.tensor.cpu.CpuOps;
import io.alchemist.weights.LinearLayer;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.ParameterId;
import io.alchemist.weights.ParameterSet;
import io.alchemist.weights.RopeConfig;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class OptimizerTest {
  private static final ModelConfig MODEL =
      new ModelConfig("llama", 8, 4, 1, 1, 1, 4, 4, 1e-5f, RopeConfig.plain(10_000), 16, true);
  private static final ParameterId MATRIX = ParameterId.weight(0, LinearLayer.Q);
  private static final ParameterId GAIN = ParameterId.FINAL_NORM;

  private final Ops ops = CpuOps.create(1, 1 << 20);
  private final ParameterSet gradient = zeros("gradient");

  private ParameterSet zeros(String name) {
    return ParameterSet.zeros(ops, ops.memory(), name, List.of(MATRIX, GAIN), MODEL, 0);
  }

  private Optimizer optimizer(OptimizerConfig config) {
    ParameterSet values = zeros("values");
    values.forEach((id, tensor) -> ops.fill(tensor, 1));
    return new Optimizer(ops, ops.memory(), config, values);
  }

  private static OptimizerConfig config(LearningRate rate, float decay, float clip) {
    return new OptimizerConfig(rate, 0.9f, 0.99f, 1e-8f, decay, clip);
  }

  private float[] values(Optimizer optimizer, ParameterId id) {
    return ops.read(optimizer.values().tensor(id));
  }

  /** Every value is near this one. */
  private static Consumer<float[]> all(float expected) {
    return values -> {
      for (float value : values) {
        assertThat(value).isCloseTo(expected, within(1e-6f));
      }
    };
  }

  @AfterEach
  void close() {
    gradient.close();
    ops.close();
  }

  @Test
  void theFirstStepMovesByTheLearningRateAgainstTheGradientsSign() {
    try (Optimizer optimizer = optimizer(config(LearningRate.constant(0.1f, 0), 0, 0))) {
      ops.fill(gradient.tensor(MATRIX), 3);
      ops.fill(gradient.tensor(GAIN), -5);
      double norm = optimizer.step(gradient, 2);
      assertThat(norm).isCloseTo(Math.sqrt(16 * 9 + 4 * 25) / 2, within(1e-6));
      assertThat(values(optimizer, MATRIX)).satisfies(all(0.9f));
      assertThat(values(optimizer, GAIN)).satisfies(all(1.1f));
      assertThat(optimizer.steps()).isEqualTo(1);
    }
  }

  @Test
  void aWarmUpBeginsSlowly() {
    try (Optimizer optimizer = optimizer(config(LearningRate.constant(0.1f, 10), 0, 0))) {
      ops.fill(gradient.tensor(MATRIX), 3);
      optimizer.step(gradient, 1);
      assertThat(values(optimizer, MATRIX)).satisfies(all(0.99f));
    }
  }

  @Test
  void matricesDecayAndGainsDoNot() {
    try (Optimizer optimizer = optimizer(config(LearningRate.constant(0.1f, 0), 0.5f, 0))) {
      optimizer.step(gradient, 1);
      assertThat(values(optimizer, MATRIX)).satisfies(all(0.95f));
      assertThat(values(optimizer, GAIN)).containsOnly(1f);
    }
  }

  @Test
  void aLargeGradientIsScaledDownToTheClipNorm() {
    // Adam hardly sees the scale of one gradient, but it sees the share of the second in the mean.
    double[] moved = new double[2];
    for (int i = 0; i < 2; i++) {
      float clip = i == 0 ? 0 : 1;
      try (Optimizer optimizer = optimizer(config(LearningRate.constant(0.1f, 0), 0, clip))) {
        ops.fill(gradient.tensor(MATRIX), 0.1f);
        optimizer.step(gradient, 1);
        ops.fill(gradient.tensor(MATRIX), 1000);
        double norm = optimizer.step(gradient, 1);
        assertThat(norm).as("before clipping").isCloseTo(4000, within(1e-3));
        moved[i] = values(optimizer, MATRIX)[0];
      }
    }
    // Reference: AdamW of gradients g1 and g2 from 1.
    assertThat(moved[0]).isCloseTo(reference(0.1, 1000), within(1e-5));
    assertThat(moved[1]).isCloseTo(reference(0.1, 1 / 4.0), within(1e-5));
  }

  private static double reference(double... gradients) {
    double value = 1;
    double m = 0;
    double v = 0;
    for (int step = 1; step <= gradients.length; step++) {
      double g = gradients[step - 1];
      m = 0.9 * m + 0.1 * g;
      v = 0.99 * v + 0.01 * g * g;
      double mHat = m / (1 - Math.pow(0.9, step));
      double vHat = v / (1 - Math.pow(0.99, step));
      value -= 0.1 * mHat / (Math.sqrt(vHat) + 1e-8);
    }
    return value;
  }

  @Test
  void aGradientThatIsNotFiniteIsRefusedAndNothingChanges() {
    for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
      try (Optimizer optimizer = optimizer(config(LearningRate.constant(0.1f, 0), 0, 1))) {
        ops.fill(gradient.tensor(MATRIX), 2);
        optimizer.step(gradient, 1);
        float[] before = values(optimizer, MATRIX);
        float[] numbers = new float[16];
        Arrays.fill(numbers, 1);
        numbers[7] = bad;
        ops.upload(numbers, gradient.tensor(MATRIX));
        assertThatThrownBy(() -> optimizer.step(gradient, 1))
            .isInstanceOf(NonFiniteGradientException.class)
            .hasMessageStartingWith(
                "The gradient of step 2 is not finite, so the step was not made");
        assertThat(values(optimizer, MATRIX)).isEqualTo(before);
        assertThat(optimizer.steps()).isEqualTo(1);
        ops.fill(gradient.tensor(MATRIX), 2);
        optimizer.step(gradient, 1);
        assertThat(values(optimizer, MATRIX)[7]).isFinite();
      }
    }
  }

  @Test
  void itGivesItsMemoryBack() {
    long before = ops.memory().usedBytes();
    optimizer(config(LearningRate.constant(0.1f, 0), 0, 0)).close();
    assertThat(ops.memory().usedBytes()).isEqualTo(before);
  }

  private static final ParameterId TABLE = ParameterId.EMBEDDING;

  /** A model whose embedding table is updated in two slices. */
  private static final ModelConfig LARGE = new ModelConfig(
      "llama", 20_000, 64, 1, 1, 1, 64, 4, 1e-5f, RopeConfig.plain(10_000), 16, true);

  private static ParameterSet random(Ops on, String name, long seed) {
    ParameterSet set = ParameterSet.zeros(on, on.memory(), name, List.of(TABLE, GAIN), LARGE, 0);
    Random random = new Random(seed);
    set.forEach((id, tensor) -> {
      float[] numbers = new float[(int) tensor.elements()];
      for (int i = 0; i < numbers.length; i++) {
        numbers[i] = (float) random.nextGaussian();
      }
      on.upload(numbers, tensor);
    });
    return set;
  }

  @Test
  void slicesAddUpToTheUpdateOfAllAtOnce() {
    OptimizerConfig adam = config(LearningRate.constant(0.1f, 0), 0.5f, 0);
    try (Ops large = CpuOps.create(1, 64 << 20);
        ParameterSet given = random(large, "gradient", 1);
        ParameterSet expected = random(large, "expected", 2);
        ParameterSet first = expected.zerosLike(large, large.memory(), "m");
        ParameterSet second = expected.zerosLike(large, large.memory(), "v");
        Optimizer optimizer =
            new Optimizer(large, large.memory(), adam, random(large, "values", 2))) {
      for (int step = 1; step <= 2; step++) {
        for (ParameterId id : expected.ids()) {
          large.adamW(
              expected.tensor(id),
              given.tensor(id),
              first.tensor(id),
              second.tensor(id),
              new AdamWStep(0.1f, 0.9f, 0.99f, 1e-8f, id.equals(GAIN) ? 0 : 0.5f, step, 0.25f));
        }
        List<UpdateKind> slices = new ArrayList<>();
        Optimizer.Step update = optimizer.begin(given, 4, Optimizer.Follower.NOBODY);
        while (!update.isDone()) {
          slices.add(update.nextSlice());
          update.runSlice();
        }
        assertThat(slices).containsExactly(UpdateKind.NORM, UpdateKind.UPDATE, UpdateKind.UPDATE);
      }
      assertThat(optimizer.steps()).isEqualTo(2);
      for (ParameterId id : expected.ids()) {
        assertThat(large.read(optimizer.values().tensor(id)))
            .isEqualTo(large.read(expected.tensor(id)));
      }
    }
  }

  @Test
  void valuesThatAreHalfUpdatedAreNotShownAndNotSteppedFrom() {
    try (Ops large = CpuOps.create(1, 64 << 20);
        ParameterSet given = random(large, "gradient", 1);
        Optimizer optimizer = new Optimizer(
            large,
            large.memory(),
            config(LearningRate.constant(0.1f, 0), 0, 0),
            random(large, "values", 2))) {
      Optimizer.Step update = optimizer.begin(given, 1, Optimizer.Follower.NOBODY);
      update.runSlice();
      assertThat(optimizer.values().ids()).as("only the norm so far").hasSize(2);
      update.runSlice();
      String message = "A step has updated a part of the values only."
          + " Wait for its end; if it has failed, roll back.";
      assertThatThrownBy(optimizer::values)
          .isInstanceOf(IllegalStateException.class)
          .hasMessage(message);
      assertThatThrownBy(() -> optimizer.step(given, 1)).hasMessage(message);
      optimizer.restart(values -> values.clear(large));
      optimizer.step(given, 1);
      assertThat(optimizer.steps()).isEqualTo(1);
    }
  }
}
