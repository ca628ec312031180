package io.alchemist.files;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.FloatRange;
import org.junit.jupiter.api.Test;

class HalfFloatsTest {
  @Test
  void everyFloat16ComesBack() {
    for (int bits = 0; bits < 1 << 16; bits++) {
      float value = HalfFloats.fromF16((short) bits);
      if (!Float.isNaN(value)) {
        assertThat(HalfFloats.toF16(value)).isEqualTo((short) bits);
      }
    }
  }

  @Test
  void everyBfloat16ComesBack() {
    for (int bits = 0; bits < 1 << 16; bits++) {
      float value = HalfFloats.fromBf16((short) bits);
      if (!Float.isNaN(value)) {
        assertThat(HalfFloats.toBf16(value)).isEqualTo((short) bits);
      }
    }
  }

  @Test
  void landmarksOfFloat16() {
    assertThat(HalfFloats.fromF16((short) 0x3c00)).isEqualTo(1f);
    assertThat(HalfFloats.fromF16((short) 0xc000)).isEqualTo(-2f);
    assertThat(HalfFloats.fromF16((short) 0x7bff)).isEqualTo(65_504f);
    assertThat(HalfFloats.fromF16((short) 0x0001)).isEqualTo(0x1p-24f);
    assertThat(HalfFloats.fromF16((short) 0x8400)).isEqualTo(-0x1p-14f);
    assertThat(HalfFloats.fromF16((short) 0x7c00)).isEqualTo(Float.POSITIVE_INFINITY);
    assertThat(HalfFloats.fromF16((short) 0x7e00)).isNaN();
    assertThat(HalfFloats.toF16(65_519f)).isEqualTo((short) 0x7bff);
    assertThat(HalfFloats.toF16(65_520f)).isEqualTo((short) 0x7c00);
    assertThat(HalfFloats.fromF16(HalfFloats.toF16(Float.NaN))).isNaN();
    assertThat(HalfFloats.fromBf16(HalfFloats.toBf16(Float.NaN))).isNaN();
    assertThat(HalfFloats.fromBf16(HalfFloats.toBf16(Float.MAX_VALUE))).isInfinite();
  }

  @Property
  void float16RoundsToTheNearestAndTiesToEven(
      @ForAll @FloatRange(min = -65_000, max = 65_000) float value) {
    short rounded = HalfFloats.toF16(value);
    float error = Math.abs(HalfFloats.fromF16(rounded) - value);
    for (int step : new int[] {-1, 1}) {
      float neighbour = HalfFloats.fromF16((short) (rounded + step));
      if (Float.isFinite(neighbour) && Math.signum(neighbour) == Math.signum(value)) {
        float other = Math.abs(neighbour - value);
        assertThat(error).isLessThanOrEqualTo(other);
        assertThat(error < other || rounded % 2 == 0).isTrue();
      }
    }
  }

  @Property
  void bfloat16KeepsEightBits(@ForAll @FloatRange(min = -1e30f, max = 1e30f) float value) {
    float rounded = HalfFloats.fromBf16(HalfFloats.toBf16(value));
    BigDecimal error = new BigDecimal(rounded).subtract(new BigDecimal(value)).abs();
    assertThat(error.doubleValue()).isLessThanOrEqualTo(Math.ulp(value) * 0x1p15);
  }
}
