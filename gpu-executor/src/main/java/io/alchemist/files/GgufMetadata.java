package io.alchemist.files;

import java.nio.file.Path;
import java.util.AbstractMap;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The key-value pairs at the head of a GGUF file, immutable; and accessors that check types.
 *
 * <p>Values: integers of all widths are {@link Long}, both kinds of floats {@link Double}, then {@link Boolean} and
 * {@link String}. Arrays: {@code long[]} of integers, {@code double[]} of float64, {@code float[]} of float32,
 * {@code boolean[]}, {@code List<String>}, and {@code List<Object>} of arrays. Arrays belong to the map and are not to be
 * changed; the accessors answer copies. An absent key is an empty answer; one of another type is a
 * {@link ModelFileException}.
 */
public final class GgufMetadata extends AbstractMap<String, Object> {
  private final Path file;
  private final Map<String, Object> values;

  GgufMetadata(Path file, Map<String, Object> values) {
    this.file = file;
    this.values = Collections.unmodifiableMap(values);
  }

  /** A string. */
  public Optional<String> string(String key) {
    Object value = values.get(key);
    if (value == null || value instanceof String) {
      return Optional.ofNullable((String) value);
    }
    throw wrongType(key, value, "a string");
  }

  /** An integer. */
  public OptionalLong integer(String key) {
    Object value = values.get(key);
    if (value == null) {
      return OptionalLong.empty();
    }
    if (value instanceof Long number) {
      return OptionalLong.of(number);
    }
    throw wrongType(key, value, "an integer");
  }

  /** A float or an integer. */
  public OptionalDouble number(String key) {
    Object value = values.get(key);
    if (value == null) {
      return OptionalDouble.empty();
    }
    if (value instanceof Number number) {
      return OptionalDouble.of(number.doubleValue());
    }
    throw wrongType(key, value, "a number");
  }

  /** A truth value. */
  public Optional<Boolean> flag(String key) {
    Object value = values.get(key);
    if (value == null || value instanceof Boolean) {
      return Optional.ofNullable((Boolean) value);
    }
    throw wrongType(key, value, "true or false");
  }

  /** An array of strings. */
  public Optional<List<String>> strings(String key) {
    Object value = values.get(key);
    if (value == null) {
      return Optional.empty();
    }
    if (value instanceof List<?> list && list.stream().allMatch(String.class::isInstance)) {
      return Optional.of(list.stream().map(String.class::cast).toList());
    }
    throw wrongType(key, value, "an array of strings");
  }

  /** An array of float32. */
  public Optional<float[]> floats(String key) {
    Object value = values.get(key);
    if (value == null) {
      return Optional.empty();
    }
    if (value instanceof float[] floats) {
      return Optional.of(floats.clone());
    }
    throw wrongType(key, value, "an array of float32");
  }

  /** An array of integers that fit 32 bits. */
  public Optional<int[]> ints(String key) {
    Object value = values.get(key);
    if (value == null) {
      return Optional.empty();
    }
    if (!(value instanceof long[] longs)) {
      throw wrongType(key, value, "an array of integers");
    }
    int[] ints = new int[longs.length];
    for (int i = 0; i < ints.length; i++) {
      ints[i] = (int) longs[i];
      if (ints[i] != longs[i]) {
        throw wrongType(key, longs[i], "an array of 32-bit integers");
      }
    }
    return Optional.of(ints);
  }

  @Override
  public @Nullable Object get(@Nullable Object key) {
    return values.get(key);
  }

  @Override
  public boolean containsKey(@Nullable Object key) {
    return values.containsKey(key);
  }

  @Override
  public Set<Entry<String, Object>> entrySet() {
    return values.entrySet();
  }

  private ModelFileException wrongType(String key, Object value, String expected) {
    String shown = value instanceof Number || value instanceof Boolean || value instanceof String
        ? String.valueOf(value)
        : "of type " + value.getClass().getSimpleName();
    return new ModelFileException(
        file,
        "'" + key + "' is " + (shown.length() <= 80 ? shown : shown.substring(0, 77) + "..."),
        "it should be " + expected,
        "Convert the model again with a current converter");
  }
}
