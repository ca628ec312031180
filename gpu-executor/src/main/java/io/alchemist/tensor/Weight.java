package io.alchemist.tensor;

/**
 * A matrix (outputs, inputs) of a linear layer, in the layout in which the back end multiplies fastest; made by
 * {@link Ops#pack}. Not changed after that, so it may be read by any number of steps.
 *
 * @param outputs rows of the matrix
 * @param inputs columns of the matrix
 * @param firstOutput for a slice: the first of its rows in {@code packed}
 * @param packed the back end's layout of the whole matrix; owns the memory
 */
public record Weight(int outputs, int inputs, int firstOutput, Tensor packed)
    implements AutoCloseable {
  /** A slice begins at a multiple of this many outputs. */
  public static final int SLICE_STEP = 64;

  /** The rows from {@code from}, which is a multiple of {@link #SLICE_STEP}; shares the memory and owns nothing. */
  public Weight slice(int from, int count) {
    if (from % SLICE_STEP != 0 || from < 0 || count < 0 || from > outputs - count) {
      throw new IndexOutOfBoundsException("outputs " + from + " to " + ((long) from + count)
          + " of " + this + "; a slice begins at a multiple of " + SLICE_STEP);
    }
    return new Weight(
        count, inputs, firstOutput + from, packed.view(0, packed.rows(), packed.cols()));
  }

  @Override
  public void close() {
    packed.close();
  }
}
