package io.alchemist.model;

import io.alchemist.tensor.DType;
import io.alchemist.tensor.MemoryScope;
import io.alchemist.tensor.Tensor;
import io.alchemist.weights.ModelConfig;
import java.util.Collection;
import java.util.Collections;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What the forward pass of one decoder layer leaves for its backward pass, for some rows. Together with the keys and values in
 * their pages this is all that is dear to compute again; norms, softmax and SwiGLU are recomputed from it. Some fields may not
 * be there, because they were not kept; asking for one of these is an error.
 */
public final class Activations implements AutoCloseable {

  /** Each kind of activation, in the order in which a layer computes it. */
  public enum Field {
    /** The layer's input (T, C). */
    X,
    /** Queries after rotation (T, Q). */
    Q,
    /** Output of attention, before its projection (T, Q). */
    ATTENDED,
    /** Log of the softmax's sum, per head; F32 (T, heads). */
    LOG_SUM_EXP,
    /** The residual stream after attention (T, C). */
    MID,
    /** Input of the SiLU (T, F). */
    GATE,
    /** The other factor of SwiGLU (T, F). */
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

    /** Bytes of one row. */
    public long bytesPerRow(ModelConfig config) {
      return (long) width(config) * type(DType.F32).sizeBytes();
    }
  }

  private final Map<Field, Tensor> tensors;

  private Activations(Map<Field, Tensor> tensors) {
    this.tensors = tensors;
  }

  /** Takes the tensors of the fields that are there. */
  public static Activations of(Map<Field, Tensor> tensors) {
    return new Activations(new EnumMap<>(tensors));
  }

  /** New tensors for all fields of {@code rows} rows, which the caller closes. */
  public static Activations allocate(MemoryScope scope, ModelConfig config, int rows) {
    return allocate(scope, config, rows, EnumSet.allOf(Field.class));
  }

  /** New tensors for some fields of {@code rows} rows, which the caller closes. */
  public static Activations allocate(
      MemoryScope scope, ModelConfig config, int rows, Set<Field> fields) {
    Activations made = new Activations(new EnumMap<>(Field.class));
    for (Field field : fields) {
      try {
        made.tensors.put(
            field,
            scope.allocate(
                "activation " + field, field.type(DType.F32), rows, field.width(config)));
      } catch (RuntimeException e) {
        made.close();
        throw e;
      }
    }
    return made;
  }

  /** Bytes of one row of one layer, all fields. */
  public static long bytesPerRow(ModelConfig config) {
    return bytesPerRow(config, EnumSet.allOf(Field.class));
  }

  /** Bytes of one row of one layer, some fields. */
  public static long bytesPerRow(ModelConfig config, Collection<Field> fields) {
    return fields.stream().mapToLong(field -> field.bytesPerRow(config)).sum();
  }

  /** {@link Field#X} (T, C). */
  public Tensor x() {
    return get(Field.X);
  }

  /** {@link Field#Q} (T, Q). */
  public Tensor q() {
    return get(Field.Q);
  }

  /** {@link Field#ATTENDED} (T, Q). */
  public Tensor attended() {
    return get(Field.ATTENDED);
  }

  /** {@link Field#LOG_SUM_EXP} (T, heads). */
  public Tensor logSumExp() {
    return get(Field.LOG_SUM_EXP);
  }

  /** {@link Field#MID} (T, C). */
  public Tensor mid() {
    return get(Field.MID);
  }

  /** {@link Field#GATE} (T, F). */
  public Tensor gate() {
    return get(Field.GATE);
  }

  /** {@link Field#UP} (T, F). */
  public Tensor up() {
    return get(Field.UP);
  }

  /**
   * A field.
   *
   * @throws IllegalStateException when it was not kept
   */
  public Tensor get(Field field) {
    Tensor tensor = find(field);
    if (tensor == null) {
      throw new IllegalStateException(
          field + " was not kept, only " + kept() + ". Restore it before it is used.");
    }
    return tensor;
  }

  /** A field, or null when it was not kept. */
  public @Nullable Tensor find(Field field) {
    return tensors.get(field);
  }

  /** The fields that are there. */
  public Set<Field> kept() {
    return Collections.unmodifiableSet(tensors.keySet());
  }

  /** These, and for what is not there the other's. */
  public Activations or(Activations other) {
    Map<Field, Tensor> joined = new EnumMap<>(tensors);
    other.tensors.forEach(joined::putIfAbsent);
    return new Activations(joined);
  }

  /** Those of some fields only. */
  public Activations only(Set<Field> fields) {
    Map<Field, Tensor> some = new EnumMap<>(tensors);
    some.keySet().retainAll(fields);
    return new Activations(some);
  }

  /** A view of {@code count} rows. */
  public Activations rows(int from, int count) {
    Map<Field, Tensor> views = new EnumMap<>(Field.class);
    tensors.forEach((field, tensor) -> views.put(field, tensor.rows(from, count)));
    return new Activations(views);
  }

  @Override
  public void close() {
    tensors.values().forEach(Tensor::close);
  }
}
