package io.alchemist.engine;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Memory for what tokens leave behind.
 *
 * @param pageTokens tokens of a page of keys and values
 * @param kvTokens tokens whose keys and values the device holds
 * @param activationBytes device memory for activations; 0 records nothing
 * @param hostBytes host memory for activations that left the device
 * @param diskBytes disk behind it; 0 for none
 * @param diskDirectory where; null for none
 */
public record CacheConfig(
    int pageTokens,
    int kvTokens,
    long activationBytes,
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
    if (activationBytes < 0 || hostBytes < 0 || diskBytes < 0) {
      throw new IllegalArgumentException("Memory sizes can't be negative: activations "
          + activationBytes + ", host " + hostBytes + ", disk " + diskBytes);
    }
    if (diskBytes > 0 && diskDirectory == null) {
      throw new IllegalArgumentException(
          diskBytes
              + " bytes of disk are asked for, but no directory is named. Name one, or ask for 0 bytes.");
    }
  }
}
