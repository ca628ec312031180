package io.alchemist.tensor.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@link Kernels#transpose} of blocks of 16 times 16, for vectors of 16 floats: in four steps, each of which swaps the
 * off-diagonal quarters of all squares of 16, 8, 4 and 2. Two steps are one pass over the block, from memory to memory.
 *
 * <p>Masks and shuffles are constants here. The same with masks of bits over integers is faster by a third, but in some
 * processes the compiler puts its vectors on the heap.
 */
final class VectorTranspose {
  /** Rows and columns of a block. */
  static final int BLOCK = 16;

  private static final VectorSpecies<Float> S = FloatVector.SPECIES_PREFERRED;
  private static final VectorShuffle<Float> SWAP_8 = VectorShuffle.fromOp(S, i -> i ^ 8);
  private static final VectorShuffle<Float> SWAP_4 = VectorShuffle.fromOp(S, i -> i ^ 4);
  private static final VectorShuffle<Float> SWAP_2 = VectorShuffle.fromOp(S, i -> i ^ 2);
  private static final VectorShuffle<Float> SWAP_1 = VectorShuffle.fromOp(S, i -> i ^ 1);
  /** The lanes whose number has that bit. */
  private static final VectorMask<Float> BIT_8 = VectorMask.fromLong(S, 0xff00);

  private static final VectorMask<Float> BIT_4 = VectorMask.fromLong(S, 0xf0f0);
  private static final VectorMask<Float> BIT_2 = VectorMask.fromLong(S, 0xcccc);
  private static final VectorMask<Float> BIT_1 = VectorMask.fromLong(S, 0xaaaa);

  private VectorTranspose() {}

  static void block(
      float[] from, int fromOffset, int fromStride, float[] to, int toOffset, int toStride) {
    far(from, fromOffset, fromStride, to, toOffset, toStride);
    near(to, toOffset, toStride);
  }

  /** The squares of 16 and 8: rows 8 and 4 apart. */
  private static void far(
      float[] from, int fromOffset, int fromStride, float[] to, int toOffset, int toStride) {
    for (int i = 0; i < 4; i++) {
      int f = fromOffset + i * fromStride;
      int t = toOffset + i * toStride;
      FloatVector a0 = FloatVector.fromArray(S, from, f);
      FloatVector a1 = FloatVector.fromArray(S, from, f + 4 * fromStride);
      FloatVector a2 = FloatVector.fromArray(S, from, f + 8 * fromStride);
      FloatVector a3 = FloatVector.fromArray(S, from, f + 12 * fromStride);
      FloatVector b0 = a0.blend(a2.rearrange(SWAP_8), BIT_8);
      FloatVector b1 = a1.blend(a3.rearrange(SWAP_8), BIT_8);
      FloatVector b2 = a0.rearrange(SWAP_8).blend(a2, BIT_8);
      FloatVector b3 = a1.rearrange(SWAP_8).blend(a3, BIT_8);
      b0.blend(b1.rearrange(SWAP_4), BIT_4).intoArray(to, t);
      b0.rearrange(SWAP_4).blend(b1, BIT_4).intoArray(to, t + 4 * toStride);
      b2.blend(b3.rearrange(SWAP_4), BIT_4).intoArray(to, t + 8 * toStride);
      b2.rearrange(SWAP_4).blend(b3, BIT_4).intoArray(to, t + 12 * toStride);
    }
  }

  /** The squares of 4 and 2, in place: rows 2 and 1 apart. */
  private static void near(float[] to, int toOffset, int toStride) {
    for (int i = 0; i < BLOCK; i += 4) {
      int t = toOffset + i * toStride;
      FloatVector a0 = FloatVector.fromArray(S, to, t);
      FloatVector a1 = FloatVector.fromArray(S, to, t + toStride);
      FloatVector a2 = FloatVector.fromArray(S, to, t + 2 * toStride);
      FloatVector a3 = FloatVector.fromArray(S, to, t + 3 * toStride);
      FloatVector b0 = a0.blend(a2.rearrange(SWAP_2), BIT_2);
      FloatVector b1 = a1.blend(a3.rearrange(SWAP_2), BIT_2);
      FloatVector b2 = a0.rearrange(SWAP_2).blend(a2, BIT_2);
      FloatVector b3 = a1.rearrange(SWAP_2).blend(a3, BIT_2);
      b0.blend(b1.rearrange(SWAP_1), BIT_1).intoArray(to, t);
      b0.rearrange(SWAP_1).blend(b1, BIT_1).intoArray(to, t + toStride);
      b2.blend(b3.rearrange(SWAP_1), BIT_1).intoArray(to, t + 2 * toStride);
      b2.rearrange(SWAP_1).blend(b3, BIT_1).intoArray(to, t + 3 * toStride);
    }
  }
}
