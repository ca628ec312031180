package io.alchemist.tensor.cpu;

import io.alchemist.tensor.Tensor;

/** The elements of an I32 tensor, by index from its first one. */
record Ints(CpuBlock block, int base) {

  static Ints of(Tensor tensor) {
    return new Ints((CpuBlock) tensor.storage(), (int) (tensor.offsetBytes() / Integer.BYTES));
  }

  int at(int index) {
    return block.ints().get(base + index);
  }

  void set(int index, int value) {
    block.ints().put(base + index, value);
  }

  int[] load(int count) {
    int[] to = new int[count];
    block.ints().get(base, to);
    return to;
  }

  void store(int[] from) {
    block.ints().put(base, from);
  }
}
