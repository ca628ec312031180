package io.alchemist.files;

import io.alchemist.weights.WeightSource;
import java.nio.file.Path;

/**
 * A model on disk, open for reading. When it is opened, every weight of the configuration is known to be there with the
 * right shape, and nothing else that would change the model's results. Elements are checked to be finite as they are read.
 * The opener owns it. One thread at a time.
 */
public sealed interface Checkpoint extends WeightSource, AutoCloseable
    permits HuggingFaceCheckpoint, GgufCheckpoint {

  /** The directory or file. */
  Path path();

  @Override
  void close();
}
