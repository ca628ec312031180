package io.alchemist.model;

import io.alchemist.tensor.DType;
import io.alchemist.tensor.MemoryScope;
import io.alchemist.tensor.Tensor;
import io.alchemist.weights.ModelConfig;

/**
 * What the forward pass of one decoder layer leaves for its backward pass, for some rows. Together with the keys and values in
 * their pages this is all that is dear to compute again; norms, softmax and SwiGLU are recomputed from it.
 *
 * @param x the layer's input (T, C)
 * @param q queries after rotation (T, Q)
 * @param attended output of attention, before its projection (T, Q)
 * @param logSumExp log of the softmax's sum, per head; F32 (T, heads)
 * @param mid the residual stream after attention (T, C)
 * @param gate input of the SiLU (T, F)
 * @param up the other factor of SwiGLU (T, F)
 */
public record Activations(
    Tensor x, Tensor q, Tensor attended, Tensor logSumExp, Tensor mid, Tensor gate, Tensor up)
    implements AutoCloseable {

  /** Each kind of activation, in the order in which a layer computes it. */
  public enum Field {
    X,
    Q,
    ATTENDED,
    LOG_SUM_EXP,
    MID,
    GATE,
    UP;

    /** Values per row. */
    public int width(ModelConfig config) {
      return switch (this) {
        case X, MID -> config.hiddenSize();
        case Q, ATTENDED -> config.queryDim();
        case LOG_SUM_EXP -> config.heads();
        case GATE, UP -> config.ffnSize();
      };
    }

    /** Type of the values, where the model computes in {@code type}. */
    public DType type(DType type) {
      return this == LOG_SUM_EXP ? DType.F32 : type;
    }
  }

  /** Takes one tensor for each {@link Field}, in order. */
  public static Activations of(Tensor[] fields) {
    return new Activations(
        fields[0], fields[1], fields[2], fields[3], fields[4], fields[5], fields[6]);
  }

  /** New tensors for {@code rows} rows, which the caller closes. */
  public static Activations allocate(MemoryScope scope, ModelConfig config, int rows) {
    Field[] fields = Field.values();
    Tensor[] tensors = new Tensor[fields.length];
    for (int i = 0; i < fields.length; i++) {
      try {
        tensors[i] = scope.allocate(
            "activation " + fields[i], fields[i].type(DType.F32), rows, fields[i].width(config));
      } catch (RuntimeException e) {
        for (int j = 0; j < i; j++) {
          tensors[j].close();
        }
        throw e;
      }
    }
    return of(tensors);
  }

  /** Bytes of one row of one layer. */
  public static long bytesPerRow(ModelConfig config) {
    long bytes = 0;
    for (Field field : Field.values()) {
      bytes += (long) field.width(config) * field.type(DType.F32).sizeBytes();
    }
    return bytes;
  }

  /** The tensors, in the order of {@link Field}. */
  public Tensor[] fields() {
    return new Tensor[] {x, q, attended, logSumExp, mid, gate, up};
  }

  /** Number of rows. */
  public int rowCount() {
    return x.rows();
  }

  /** A view of {@code count} rows. */
  public Activations rows(int from, int count) {
    return new Activations(
        x.rows(from, count),
        q.rows(from, count),
        attended.rows(from, count),
        logSumExp.rows(from, count),
        mid.rows(from, count),
        gate.rows(from, count),
        up.rows(from, count));
  }

  @Override
  public void close() {
    for (Tensor field : fields()) {
      field.close();
    }
  }
}
