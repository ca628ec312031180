package io.alchemist.weights;

import java.nio.FloatBuffer;

/**
 * Where a model's weights come from: a checkpoint on disk, or a generator. Names are those of {@link WeightNames}, shapes
 * are checked against {@link #config} when the source is opened. One thread at a time.
 */
public interface WeightSource {

  ModelConfig config();

  /**
   * Reads consecutive elements of one weight, row-major, dequantised to float32.
   *
   * @param name canonical name
   * @param offset first element
   * @param into receives as many elements as it has room for
   * @throws IllegalArgumentException when there is no such weight, or it ends before
   * @throws java.io.UncheckedIOException when the file can't be read
   */
  void read(String name, long offset, FloatBuffer into);
}
