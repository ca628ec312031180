package io.alchemist.engine;

import io.alchemist.cache.DeviceArena;
import io.alchemist.tensor.DType;
import io.alchemist.weights.ModelConfig;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Memory for what tokens leave behind.
 *
 * @param pageTokens tokens of a page of keys and values
 * @param kvTokens tokens whose keys and values always have room on the device
 * @param sharedBytes device memory besides, which activations use as long as keys and values don't need it; 0 records nothing
 * @param hostBytes host memory for activations that left the device
 * @param diskBytes disk behind it; 0 for none
 * @param diskDirectory where; null for none
 */
public record CacheConfig(
    int pageTokens,
    int kvTokens,
    long sharedBytes,
    long hostBytes,
    long diskBytes,
    @Nullable Path diskDirectory) {

  /**
   * Checks the sizes.
   *
   * @throws IllegalArgumentException naming the one that makes no sense
   */
  public CacheConfig {
    if (pageTokens < 1 || kvTokens < pageTokens) {
      throw new IllegalArgumentException("Keys and values of " + kvTokens + " tokens in pages of "
          + pageTokens + ": there must be at least one page of at least one token.");
    }
    if (sharedBytes < 0 || hostBytes < 0 || diskBytes < 0) {
      throw new IllegalArgumentException("Memory sizes can't be negative: shared " + sharedBytes
          + ", host " + hostBytes + ", disk " + diskBytes);
    }
    if (diskBytes > 0 && diskDirectory == null) {
      throw new IllegalArgumentException(
          diskBytes
              + " bytes of disk are asked for, but no directory is named. Name one, or ask for 0 bytes.");
    }
  }

  /** Pages that keys and values always have. */
  int floorPages() {
    return kvTokens / pageTokens;
  }

  /** Bytes of a page of keys and values of all layers. */
  long pageBytes(ModelConfig model) {
    return DeviceArena.blockBytes(DType.F32, model.layers(), model.kvDim(), pageTokens);
  }
}
