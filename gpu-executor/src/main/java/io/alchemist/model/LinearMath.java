package io.alchemist.model;

import io.alchemist.tensor.Ops;
import io.alchemist.tensor.Tensor;
import io.alchemist.weights.Linear;
import io.alchemist.weights.LinearLayer;
import io.alchemist.weights.ParameterId;
import io.alchemist.weights.Parameters;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** A linear layer with its adapter: y = W x + s B A x. */
final class LinearMath {
  private final Ops ops;

  LinearMath(Ops ops) {
    this.ops = ops;
  }

  /** y = beta y + W x + s B (A x). x (T, in), y (T, out). */
  void forward(Linear linear, Tensor x, float beta, Tensor y, Workspace work) {
    ops.matmul(1, x, linear.weight(), beta, y); // y = x Wᵀ + beta y
    Linear.Lora lora = linear.lora();
    if (lora != null) {
      Tensor low = work.tensor("adapter rank", x.rows(), lora.a().outputs()); // (T, r)
      ops.matmul(1, x, lora.a(), 0, low); // low = x Aᵀ
      ops.matmul(lora.scale(), low, lora.b(), 1, y); // y += s low Bᵀ
    }
  }

  /**
   * dx = beta dx + dy W + s (dy B) A, and the gradients of W, A and B where they are trained.
   *
   * @param x the input (T, in), read only where something of this layer is trained
   * @param dy (T, out)
   * @param dx (T, in), or null where nobody below wants it
   */
  void backward(
      int layer,
      LinearLayer name,
      Linear linear,
      @Nullable Tensor x,
      Tensor dy,
      float beta,
      @Nullable Tensor dx,
      Parameters gradient,
      Workspace work) {
    Tensor dw = gradient.find(ParameterId.weight(layer, name));
    if (dw != null && x != null) {
      ops.matmulWeightGradient(1, dy, x, dw); // dW += dyᵀ x
    }
    if (dx != null) {
      ops.matmulInputGradient(1, dy, linear.weight(), beta, dx); // dx = dy W + beta dx
    }
    Linear.Lora lora = linear.lora();
    if (lora == null) {
      return;
    }
    float s = lora.scale();
    Tensor dLow = work.tensor("adapter rank gradient", dy.rows(), lora.a().outputs()); // (T, r)
    ops.matmulInputGradient(1, dy, lora.b(), 0, dLow); // dLow = dy B
    Tensor da = gradient.find(ParameterId.loraA(layer, name));
    Tensor db = gradient.find(ParameterId.loraB(layer, name));
    if (da != null && db != null && x != null) {
      Tensor low = work.tensor("adapter rank", dy.rows(), lora.a().outputs());
      ops.matmul(1, x, lora.a(), 0, low); // low = x Aᵀ
      ops.matmulWeightGradient(s, dy, low, db); // dB += s dyᵀ low
      ops.matmulWeightGradient(s, dLow, x, da); // dA += s dLowᵀ x
    }
    if (dx != null) {
      ops.matmulInputGradient(s, dLow, lora.a(), 1, dx); // dx += s dLow A
    }
  }

  /** Whether {@link #backward} needs the layer's input. */
  static boolean needsInput(int layer, LinearLayer name, Predicate<ParameterId> trained) {
    return trained.test(ParameterId.weight(layer, name))
        || trained.test(ParameterId.loraA(layer, name));
  }
}
