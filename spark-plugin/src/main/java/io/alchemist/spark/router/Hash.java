package io.alchemist.spark.router;

/** A 64-bit hash that is the same in every process (FNV-1a, then the mixer of SplitMix64). */
final class Hash {
  static final long EMPTY = 0xcbf29ce484222325L;
  private static final long PRIME = 0x100000001b3L;

  private Hash() {}

  static long add(long hash, char[] text, int from, int length) {
    long result = hash;
    for (int i = from; i < from + length; i++) {
      result = (result ^ text[i]) * PRIME;
    }
    return result;
  }

  static long add(long hash, long value) {
    return (hash ^ mix(value)) * PRIME;
  }

  static long of(String text) {
    return mix(add(EMPTY, text.toCharArray(), 0, text.length()));
  }

  /** Spreads what differs in few bits over all of them. */
  static long mix(long value) {
    long z = value + 0x9E3779B97F4A7C15L;
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }
}
