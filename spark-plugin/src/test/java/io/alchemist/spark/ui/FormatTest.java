package io.alchemist.spark.ui;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import org.junit.jupiter.api.Test;

class FormatTest {

  @Test
  void numbersReadAsPeopleWriteThem() {
    assertThat(Format.count(12_345)).isEqualTo("12,345");
    assertThat(Format.rounded(9_999)).isEqualTo("9,999");
    assertThat(Format.rounded(12_345)).isEqualTo("12.3 K");
    assertThat(Format.rounded(999_600)).isEqualTo("1.00 M");
    assertThat(Format.bytes(1_023)).isEqualTo("1.00 KiB");
    assertThat(Format.bytes(512)).isEqualTo("512 B");
    assertThat(Format.bytes(6_571_299_062L)).isEqualTo("6.12 GiB");
    assertThat(Format.millis(8.4)).isEqualTo("8.40 ms");
    assertThat(Format.millis(1_204)).isEqualTo("1.20 s");
    assertThat(Format.share(1, 250)).isEqualTo("0.4 %");
    assertThat(Format.share(82, 100)).isEqualTo("82 %");
    assertThat(Format.percent(0.153)).isEqualTo("15 %");
  }

  @Test
  void spansAreInTheirTwoLargestUnits() {
    assertThat(Format.span(-5)).isEqualTo("0 s");
    assertThat(Format.span(59_999)).isEqualTo("59 s");
    assertThat(Format.span(63_000)).isEqualTo("1 min 3 s");
    assertThat(Format.span(3_780_000)).isEqualTo("1 h 3 min");
    assertThat(Format.span(3 * 86_400_000L + 3_600_000)).isEqualTo("3 d 1 h");
  }

  @Test
  void theUnknownIsADash() {
    assertThat(Format.count(-1)).isEqualTo(Format.UNKNOWN);
    assertThat(Format.rounded(Double.NaN)).isEqualTo(Format.UNKNOWN);
    assertThat(Format.bytes(-1)).isEqualTo(Format.UNKNOWN);
    assertThat(Format.millis(Double.NaN)).isEqualTo(Format.UNKNOWN);
    assertThat(Format.loss(null)).isEqualTo(Format.UNKNOWN);
    assertThat(Format.share(1, 0)).isEqualTo(Format.UNKNOWN);
    assertThat(Format.percent(null)).isEqualTo(Format.UNKNOWN);
    assertThat(Format.percent(Double.NaN)).isEqualTo(Format.UNKNOWN);
    assertThat(Format.time(0)).isEqualTo(Format.UNKNOWN);
    assertThat(Format.loss(Double.POSITIVE_INFINITY)).isEqualTo("Infinity");
  }

  @Property
  void anAxisHoldsItsValuesAndHasFewTicks(
      @ForAll @DoubleRange(min = -1e6, max = 1e12) double low,
      @ForAll @DoubleRange(min = 0, max = 1e9) double span) {
    Axis axis = Axis.covering(low, low + span, 4);

    double slack = axis.step() * 1e-6;
    assertThat(axis.min()).isLessThanOrEqualTo(low + slack);
    assertThat(axis.max()).isGreaterThanOrEqualTo(low + span - slack).isGreaterThan(axis.min());
    assertThat(axis.ticks()).hasSizeBetween(2, 7);
  }

  @Test
  void ticksAreToldApart() {
    Axis loss = Axis.covering(1.54, 2.38, 4);
    assertThat(loss.ticks().stream().map(loss::label)).containsExactly("1.5", "2.0", "2.5");
    Axis tokens = Axis.covering(0, 21_600, 4);
    assertThat(tokens.ticks().stream().map(tokens::label))
        .containsExactly("0", "10 K", "20 K", "30 K");
    assertThat(Axis.covering(2, 2, 4).ticks()).hasSizeGreaterThan(1);
  }

  @Test
  void markupThatIsNotClosedIsRefused() {
    Markup out = new Markup().open("div").open("p");

    assertThatThrownBy(out::finish).hasMessage("The page ends inside of [p, div]; close these.");
  }
}
