package io.alchemist.tensor.cpu;

/**
 * Arrays that one thread needs again in every operation, by number. They grow to the largest size asked for and stay; their
 * contents are undefined.
 */
final class Scratch {
  /** Elements between rows of an array: a power of two apart, they would compete for the same lines of the cache. */
  static final int ROWS_APART = 16;

  private static final int SLOTS = 20;
  // Room behind the end for a loop that works in whole vectors.
  private static final int SLACK = 64;

  private final float[][] arrays = new float[SLOTS][0];

  /** An array of at least {@code size} elements and some slack; the same one at each call with this number. */
  float[] floats(int slot, int size) {
    float[] array = arrays[slot];
    if (array.length < size + SLACK) {
      array = new float[size + SLACK];
      arrays[slot] = array;
    }
    return array;
  }
}
