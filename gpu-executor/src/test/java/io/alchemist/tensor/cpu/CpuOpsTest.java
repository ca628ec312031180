package io.alchemist.tensor.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.alchemist.tensor.DType;
import io.alchemist.tensor.DeviceMemoryException;
import io.alchemist.tensor.MemoryScope;
import io.alchemist.tensor.Tensor;
import io.alchemist.tensor.Weight;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class CpuOpsTest {

  @Test
  void usesVectorsWhereTheModuleIs() {
    assertThat(TestBackEnds.VECTOR.description())
        .matches("CPU, float32, Vector API, (256|512) bits, 2 threads");
    assertThat(TestBackEnds.PLAIN.description()).isEqualTo("CPU, float32, plain Java, 2 threads");
  }

  @Test
  void refusesBFloat16() {
    CpuOps ops = TestBackEnds.PLAIN;
    try (MemoryScope scope = ops.memory().child("test");
        Tensor x = scope.allocate("x", DType.BF16, 1, 2)) {
      assertThatThrownBy(() -> ops.add(1, x, x))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("add: x is BF16 (1, 2) but must be F32; the CPU back end works in F32");
    }
  }

  @Test
  void closingReportsWhatLeaked() {
    CpuOps ops = CpuOps.createPlain(2, 1 << 20);
    ops.memory().child("model").allocate("w", DType.F32, 4, 4);
    assertThatThrownBy(ops::close)
        .isInstanceOf(DeviceMemoryException.class)
        .hasMessageContaining("model: 64 bytes\n    - w: 64 bytes");
  }

  @Test
  void resultsDoNotDependOnTheNumberOfThreads() {
    float[] alone = gradientAndNorm(1);
    assertThat(gradientAndNorm(3)).containsExactly(alone);
  }

  private static float[] gradientAndNorm(int threads) {
    try (CpuOps ops = CpuOps.create(threads, 1 << 26);
        MemoryScope scope = ops.memory().child("test");
        Tensor x = scope.allocate("x", DType.F32, 700, 90);
        Tensor dw = scope.allocate("dw", DType.F32, 90, 90);
        Tensor sum = scope.allocate("sum", DType.F32, 1, 1)) {
      float[] values = new float[700 * 90];
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) Math.sin(i);
      }
      ops.upload(values, x);
      ops.fill(dw, 0);
      ops.fill(sum, 0);
      ops.matmulWeightGradient(0.1f, x, x, dw);
      ops.addSquares(x, sum);
      ops.add(ops.read(sum)[0], dw, dw);
      return ops.read(dw);
    }
  }

  @Test
  void rowsOfAProductDoNotDependOnTheirNumber() {
    // One and two blocks of k; a narrow last panel, several groups of panels.
    for (int inner : new int[] {40, 1600}) {
      for (int outputs : new int[] {16, 600}) {
        float[] all = product(40, inner, outputs);
        for (int rows : new int[] {1, 2, 5, 17}) {
          assertThat(product(rows, inner, outputs))
              .containsExactly(Arrays.copyOf(all, rows * outputs));
        }
      }
    }
  }

  private static float[] product(int rows, int inner, int outputs) {
    try (CpuOps ops = CpuOps.create(2, 1 << 26);
        MemoryScope scope = ops.memory().child("test");
        Tensor x = scope.allocate("x", DType.F32, rows, inner);
        Tensor matrix = scope.allocate("matrix", DType.F32, outputs, inner);
        Tensor y = scope.allocate("y", DType.F32, rows, outputs)) {
      ops.upload(sines(rows * inner), x);
      ops.upload(sines(outputs * inner), matrix);
      try (Weight w = ops.pack(matrix, scope, "w")) {
        ops.matmul(1, x, w, 0, y);
      }
      return ops.read(y);
    }
  }

  private static float[] sines(int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) Math.sin(i);
    }
    return values;
  }
}
