package io.alchemist.tensor.cpu;

import java.util.Arrays;

/**
 * Tokens of one row in the order of {@link io.alchemist.tensor.Sampling}: most likely first, equal ones by id. A token is a
 * long, so that this order is the order of longs and nothing is boxed.
 */
final class TopTokens {
  /** So few are sorted at once. */
  private static final int SORTED = 64;

  private long[] heap = new long[64];
  private int size;

  static long key(float logit, int id) {
    // + 0f makes -0 equal to 0.
    int bits = Float.floatToRawIntBits(logit + 0f);
    int ascending = bits ^ ((bits >> 31) & 0x7fffffff);
    return ((long) ~ascending << 32) | id;
  }

  static int id(long key) {
    return (int) key;
  }

  /** The first {@code n} tokens of a row, sorted; the array is this object's and holds more. */
  long[] first(float[] logits, int vocabulary, int n) {
    clear(n);
    for (int i = 0; i < n; i++) {
      add(key(logits[i], i));
    }
    // A heap with the last of the n on top: most of the vocabulary is turned away by one
    // comparison.
    for (int i = n / 2 - 1; i >= 0; i--) {
      siftDown(i);
    }
    for (int i = n; i < vocabulary; i++) {
      long key = key(logits[i], i);
      if (key < heap[0]) {
        heap[0] = key;
        siftDown(0);
      }
    }
    Arrays.sort(heap, 0, n);
    return heap;
  }

  void clear(int room) {
    size = 0;
    if (heap.length < room) {
      heap = new long[room];
    }
  }

  void add(long key) {
    if (size == heap.length) {
      heap = Arrays.copyOf(heap, 2 * size);
    }
    heap[size++] = key;
  }

  /**
   * Keeps the shortest sequence of first tokens whose weights sum to {@code wanted} at least, or all. Nothing is sorted: like
   * quickselect, it divides the part where the sequence ends until that is short.
   *
   * @param weights by token
   * @return the sum of the weights kept
   */
  double keepPrefix(float[] weights, double wanted) {
    int from = 0;
    int to = size;
    double before = 0;
    while (to - from > SORTED) {
      int middle = divide(from, to);
      double sum = 0;
      for (int i = from; i < middle; i++) {
        sum += weights[id(heap[i])];
      }
      if (before + sum >= wanted) {
        to = middle;
      } else {
        before += sum;
        from = middle;
      }
    }
    Arrays.sort(heap, from, to);
    int end = from;
    while (end < to && (end == 0 || before < wanted)) {
      before += weights[id(heap[end++])];
    }
    size = end;
    return before;
  }

  /** The last of the tokens kept by {@link #keepPrefix}. */
  int last() {
    return id(heap[size - 1]);
  }

  /** Brings the smaller keys of a part to its front, and says where they end; neither side is empty. */
  private int divide(int from, int to) {
    long a = heap[from];
    long b = heap[(from + to) >>> 1];
    long c = heap[to - 1];
    long pivot = Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
    int i = from - 1;
    int j = to;
    while (true) {
      do {
        i++;
      } while (heap[i] < pivot);
      do {
        j--;
      } while (heap[j] > pivot);
      if (i >= j) {
        return j + 1;
      }
      long swapped = heap[i];
      heap[i] = heap[j];
      heap[j] = swapped;
    }
  }

  private void siftDown(int from) {
    int i = from;
    long key = heap[i];
    for (int child = 2 * i + 1; child < size; child = 2 * i + 1) {
      if (child + 1 < size && heap[child + 1] > heap[child]) {
        child++;
      }
      if (heap[child] <= key) {
        break;
      }
      heap[i] = heap[child];
      i = child;
    }
    heap[i] = key;
  }
}
