package io.alchemist.tensor.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

class VectorTransposeTest {
  private final Kernels vector = new VectorKernels();
  private final Kernels plain = new PlainKernels();

  @Property(tries = 300)
  void transposesAsPlainLoopsDo(
      @ForAll @IntRange(min = 0, max = 70) int rows,
      @ForAll @IntRange(min = 0, max = 70) int cols,
      @ForAll @IntRange(min = 0, max = 5) int offset,
      @ForAll @IntRange(min = 0, max = 20) int gap,
      @ForAll long seed) {
    int fromStride = cols + gap;
    int toStride = rows + offset;
    float[] from = new float[offset + rows * fromStride + 16];
    Random random = new Random(seed);
    for (int i = 0; i < from.length; i++) {
      from[i] = random.nextFloat();
    }
    float[] to = new float[gap + cols * toStride + 16];
    float[] expected = new float[to.length];
    vector.transpose(rows, cols, from, offset, fromStride, to, gap, toStride);
    plain.transpose(rows, cols, from, offset, fromStride, expected, gap, toStride);
    assertThat(to).containsExactly(expected);
  }
}
