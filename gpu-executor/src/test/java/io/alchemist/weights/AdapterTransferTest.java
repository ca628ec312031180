package io.alchemist.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.alchemist.weights.AdapterData.Factors;
import io.alchemist.weights.AdapterData.Site;
import java.util.EnumSet;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class AdapterTransferTest {
  private final WeightsFixture fixture = new WeightsFixture();

  @AfterEach
  void close() {
    fixture.close();
  }

  @Test
  void whatIsWrittenIsReadAgain() {
    Trainable trainable = new Trainable.Adapter(WeightsFixture.SPEC, 5);
    RandomWeights source = new RandomWeights(WeightsFixture.MODEL, 1);
    try (ParameterSet values = trainable.initialValues(fixture.ops, fixture.ops.memory(), source);
        ParameterSet others = fixture.values(WeightsFixture.SPEC, 3)) {
      AdapterData data = AdapterTransfer.read(fixture.ops, WeightsFixture.SPEC, values);
      data.checkFits(WeightsFixture.MODEL);
      assertThat(data.rank()).isEqualTo(2);
      assertThat(data.alpha()).isEqualTo(4);
      assertThat(data.targets()).containsExactlyInAnyOrder(LinearLayer.Q, LinearLayer.DOWN);
      assertThat(data.factors()).hasSize(4);
      AdapterTransfer.write(fixture.ops, data, WeightsFixture.SPEC, WeightsFixture.MODEL, others);
      values.forEach((id, tensor) -> assertThat(fixture.ops.read(others.tensor(id)))
          .as(id.toString())
          .isEqualTo(fixture.ops.read(tensor)));
      Factors factors = Objects.requireNonNull(data.factors().get(new Site(1, LinearLayer.DOWN)));
      float[] a = factors.a();
      assertThat(a).hasSize(2 * 12);
      double bound = 1 / Math.sqrt(12);
      for (float value : a) {
        assertThat((double) value).isBetween(-bound, bound);
      }
      assertThat(a[0]).isNotEqualTo(a[1]);
      assertThat(factors.b()).as("the first version equals the base").containsOnly(0);
    }
  }

  @Test
  void anotherShapeIsRefused() {
    LoraSpec other = new LoraSpec(3, 4, EnumSet.of(LinearLayer.Q));
    try (ParameterSet values = fixture.values(WeightsFixture.SPEC, 1);
        ParameterSet others = fixture.values(other, 1)) {
      AdapterData data = AdapterTransfer.read(fixture.ops, other, others);
      assertThatThrownBy(() -> AdapterTransfer.write(
              fixture.ops, data, WeightsFixture.SPEC, WeightsFixture.MODEL, values))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageStartingWith("The adapter is of shape LoraSpec[rank=3")
          .hasMessageEndingWith(
              "Start the engine with the adapter's shape, or load another adapter.");
    }
  }

  @Test
  void anAdapterWithNumbersThatAreNoneIsRefusedAndChangesNothing() {
    try (ParameterSet values = fixture.values(WeightsFixture.SPEC, 1)) {
      AdapterData data = AdapterTransfer.read(fixture.ops, WeightsFixture.SPEC, values);
      float[] before = fixture.ops.read(values.tensor(ParameterId.loraA(0, LinearLayer.Q)));
      Objects.requireNonNull(data.factors().get(new Site(0, LinearLayer.Q))).a()[0] = before[0] + 1;
      Objects.requireNonNull(data.factors().get(new Site(1, LinearLayer.DOWN))).b()[2] = Float.NaN;
      assertThatThrownBy(() -> AdapterTransfer.write(
              fixture.ops, data, WeightsFixture.SPEC, WeightsFixture.MODEL, values))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("holds a number that is not finite");
      assertThat(fixture.ops.read(values.tensor(ParameterId.loraA(0, LinearLayer.Q))))
          .isEqualTo(before);
    }
  }
}
