package io.alchemist.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class BlockLayoutTest {

  @Test
  void partsFollowEachOtherAligned() {
    BlockLayout layout = new BlockLayout(new int[] {8, 100}, 16);
    assertThat(layout.fieldOffset(0, 3, 2)).isEqualTo(16);
    assertThat(layout.fieldOffset(1, 3, 0)).isEqualTo(64);
    assertThat(layout.keysOffset(3, 0)).isEqualTo(64 + 320);
    assertThat(layout.valuesOffset(3, 1)).isEqualTo(64 + 320 + 64 + 16);
    assertThat(layout.sizeBytes(3)).isEqualTo(64 + 320 + 64 + 64);
  }

  @Property(tries = 200)
  void partsDoNotOverlap(
      @ForAll @IntRange(min = 1, max = 300) int a,
      @ForAll @IntRange(min = 1, max = 300) int b,
      @ForAll @IntRange(min = 1, max = 300) int kv,
      @ForAll @IntRange(min = 1, max = 40) int count) {
    BlockLayout layout = new BlockLayout(new int[] {a, b}, kv);
    long[] starts = {
      layout.fieldOffset(0, count, 0),
      layout.fieldOffset(1, count, 0),
      layout.keysOffset(count, 0),
      layout.valuesOffset(count, 0),
      layout.sizeBytes(count)
    };
    int[] widths = {a, b, kv, kv};
    for (int i = 0; i < widths.length; i++) {
      assertThat(starts[i] % BlockLayout.ALIGNMENT).isZero();
      assertThat(starts[i] + (long) count * widths[i]).isLessThanOrEqualTo(starts[i + 1]);
    }
  }

  @Test
  void wrongRowsAndWidthsAreErrors() {
    BlockLayout layout = new BlockLayout(new int[] {8}, 16);
    assertThatThrownBy(() -> layout.keysOffset(3, 3)).hasMessage("row 3 of a block of 3 rows");
    assertThatThrownBy(() -> new BlockLayout(new int[] {0}, 16))
        .hasMessage("A field has rows of 0 bytes");
    assertThatThrownBy(() -> new BlockLayout(new int[] {8}, 0))
        .hasMessage("Keys have rows of 0 bytes");
  }
}
