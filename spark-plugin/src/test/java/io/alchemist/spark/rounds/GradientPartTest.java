package io.alchemist.spark.rounds;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.alchemist.engine.HostGradient;
import io.alchemist.train.GradientReport;
import io.alchemist.weights.LinearLayer;
import io.alchemist.weights.LoraSpec;
import io.alchemist.weights.ParameterId;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class GradientPartTest {
  static Map<ParameterId, float[]> matrices(Random random) {
    Map<ParameterId, float[]> matrices = new HashMap<>();
    for (ParameterId id : ParameterId.ofAdapter(SmallModel.CONFIG, SmallModel.LORA)) {
      int rank = SmallModel.LORA.rank();
      matrices.put(
          id,
          SmallModel.normal(
              random, id.rows(SmallModel.CONFIG, rank) * id.cols(SmallModel.CONFIG, rank)));
    }
    return matrices;
  }

  static GradientReport report(int examples, double loss) {
    return new GradientReport(
        examples, loss, 2 * examples, 3L * examples, 5L * examples, 7L, 11L, 1, 13L, 17L, 19L);
  }

  private static HostGradient gradient(Random random) {
    return new HostGradient(matrices(random), report(1 + random.nextInt(5), random.nextDouble()));
  }

  private static HostGradient unflatten(GradientPart part) {
    return part.gradient(SmallModel.CONFIG, SmallModel.LORA);
  }

  /** However the gradients are spread over executors, calls and levels of the tree, the sum is theirs. */
  @Property
  void theSumIsThatOfTheGradients(
      @ForAll @Size(min = 1, max = 12) List<@IntRange(min = 0, max = 3) Integer> executorOf,
      @ForAll long seed) {
    Random random = new Random(seed);
    List<GradientPart> parts = new ArrayList<>();
    for (int executor = 0; executor < 4; executor++) {
      parts.add(new GradientPart("" + executor));
    }
    Map<ParameterId, double[]> sums = new HashMap<>();
    GradientReport reports = GradientReport.NOTHING;
    for (int executor : executorOf) {
      HostGradient one = gradient(random);
      reports = reports.plus(one.report());
      one.values().forEach((id, matrix) -> {
        double[] sum = sums.computeIfAbsent(id, key -> new double[matrix.length]);
        for (int i = 0; i < matrix.length; i++) {
          sum[i] += matrix[i];
        }
      });
      parts.get(executor).add(one);
    }
    while (parts.size() > 1) { // a tree of any form
      GradientPart right = parts.remove(random.nextInt(parts.size()));
      parts.get(random.nextInt(parts.size())).plus(right);
    }

    HostGradient all = unflatten(parts.get(0));
    assertThat(all.values().keySet()).isEqualTo(sums.keySet());
    all.values().forEach((id, matrix) -> {
      double[] sum = Objects.requireNonNull(sums.get(id));
      for (int i = 0; i < matrix.length; i++) {
        assertThat((double) matrix[i]).as("%s[%d]", id, i).isCloseTo(sum[i], within(1e-5));
      }
    });
    assertThat(all.report())
        .usingRecursiveComparison()
        .withComparatorForType(
            (a, b) -> Math.abs(a - b) < 1e-9 ? 0 : Double.compare(a, b), Double.class)
        .isEqualTo(reports);
    assertThat(parts.get(0).executorCount())
        .isEqualTo((int) executorOf.stream().distinct().count());
  }

  @Test
  void aSingleGradientComesBackAsItWas() {
    HostGradient one = gradient(new Random(5));
    GradientPart part = new GradientPart("1");
    part.add(one);
    assertThat(unflatten(part).relativeError(one)).isZero();
    one.values()
        .forEach((id, matrix) ->
            assertThat(unflatten(part).values().get(id)).as("%s", id).containsExactly(matrix));
  }

  @Test
  void executorsThatHadSomethingToDoAreCountedOnce() {
    GradientPart part = new GradientPart("1");
    for (String id : List.of("1", "2", "2")) {
      GradientPart other = new GradientPart(id);
      other.refuse("f", "too long");
      other.refuse("g", "too long");
      part.plus(other);
    }
    part.plus(new GradientPart("3"));
    assertThat(part.executorCount()).isEqualTo(2);
    assertThat(part.report()).isEqualTo(GradientReport.NOTHING);
  }

  @Test
  void refusalsOfAllAreKept() {
    GradientPart part = new GradientPart("1");
    part.refuse("f1", "too long");
    GradientPart other = new GradientPart("2");
    other.refuse("f2", "empty");
    assertThat(part.plus(other).refused())
        .containsExactly(new String[] {"f1", "too long"}, new String[] {"f2", "empty"});
  }

  @Test
  void anAdapterOfAnotherShapeIsRefused() {
    GradientPart part = new GradientPart("1");
    part.add(gradient(new Random(5)));
    LoraSpec other = new LoraSpec(3, 4, Set.of(LinearLayer.Q));
    assertThatThrownBy(() -> part.gradient(SmallModel.CONFIG, other))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("The executors sent a gradient of 144 numbers, the driver's adapter has 96:"
            + " they run with different settings.");
  }

  @Test
  void partsOfDifferentShapesDoNotAddUp() {
    GradientPart part = new GradientPart("1");
    part.add(gradient(new Random(5)));
    GradientPart other = new GradientPart("2");
    other.add(
        new HostGradient(Map.of(ParameterId.loraA(0, LinearLayer.Q), new float[3]), report(1, 1)));
    assertThatThrownBy(() -> part.plus(other))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage(
            "Executors sent gradients of 144 and 3 numbers: they run with different settings.");
  }
}
