package io.alchemist.tensor.cpu;

import java.util.Arrays;

/**
 * Tokens of one row in the order of {@link io.alchemist.tensor.Sampling}: most likely first, equal ones by id. A token is a
 * long, so that this order is the order of longs and nothing is boxed.
 */
final class TopTokens {
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

  int size() {
    return size;
  }

  /** What was added, sorted; the array is this object's and holds more. */
  long[] sorted() {
    Arrays.sort(heap, 0, size);
    return heap;
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
