package io.alchemist.cache;

/**
 * Activations of a stretch of a token sequence: positions {@code from} to {@code from + count} are the rows of the slab from
 * {@code firstRow}. Whoever hands over a Recorded hands over one reference of the slab.
 *
 * @param from first position in the sequence
 * @param count positions, at least one
 * @param slab what holds the rows
 * @param firstRow row of position {@code from}
 */
public record Recorded(int from, int count, Slab slab, int firstRow) {
  public Recorded {
    if (from < 0 || count <= 0 || firstRow < 0 || firstRow > slab.rows() - count) {
      throw new IllegalArgumentException("Recorded positions " + from + " to " + (from + count)
          + " can't be rows " + firstRow + " to " + (firstRow + count) + " of a slab of "
          + slab.rows());
    }
  }
}
