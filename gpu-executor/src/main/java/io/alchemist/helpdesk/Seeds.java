package io.alchemist.helpdesk;

import java.util.List;
import java.util.SplittableRandom;

/** Random streams that are independent for different (seed, index), and the same on every machine. */
final class Seeds {
  private Seeds() {}

  /**
   * The stream of an index. The pair is hashed (the 64-bit finaliser of MurmurHash3) because streams of
   * {@link SplittableRandom} whose seeds differ by a multiple of its step are one stream, shifted.
   */
  static SplittableRandom random(long seed, long index) {
    return new SplittableRandom(mix(mix(seed) + index));
  }

  /** Fisher-Yates, in place. */
  static <T> void shuffle(List<T> list, SplittableRandom random) {
    for (int i = list.size() - 1; i > 0; i--) {
      int j = random.nextInt(i + 1);
      T moved = list.get(i);
      list.set(i, list.get(j));
      list.set(j, moved);
    }
  }

  /** One element, all equally likely. */
  static <T> T pick(List<T> list, SplittableRandom random) {
    return list.get(random.nextInt(list.size()));
  }

  private static long mix(long z) {
    z = (z ^ (z >>> 33)) * 0xff51afd7ed558ccdL;
    z = (z ^ (z >>> 33)) * 0xc4ceb9fe1a85ec53L;
    return z ^ (z >>> 33);
  }
}
