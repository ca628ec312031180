package io.alchemist.cache;

import io.alchemist.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * The activations of the rows of one forward step: a tensor for each layer and field, all with the same number of rows. What
 * the fields mean is the business of those who write and read them; a layer may lack some. Counted references, since the rows of
 * one step belong to many sequences: made with one reference, and with the last the memory is given back.
 *
 * <p>Engine thread only.
 */
public final class Slab {
  private final @Nullable Tensor[][] tensors;
  private final int rows;
  private final long sizeBytes;
  private final Runnable onRelease;
  private int references = 1;

  /**
   * A slab of these tensors.
   *
   * @param tensors by layer, then field; null where the layer lacks the field
   * @param onRelease gives their memory back
   */
  public Slab(int rows, @Nullable Tensor[][] tensors, Runnable onRelease) {
    if (rows < 1 || tensors.length == 0) {
      throw new IllegalArgumentException("A slab needs at least one layer and one row");
    }
    this.rows = rows;
    long bytes = 0;
    this.tensors = new Tensor[tensors.length][];
    for (int layer = 0; layer < tensors.length; layer++) {
      if (tensors[layer].length != tensors[0].length) {
        throw new IllegalArgumentException("Layer " + layer + " of a slab has "
            + tensors[layer].length + " fields, layer 0 has " + tensors[0].length);
      }
      this.tensors[layer] = tensors[layer].clone();
      for (Tensor t : tensors[layer]) {
        if (t != null && t.rows() != rows) {
          throw new IllegalArgumentException(
              "A field of layer " + layer + " has " + t.rows() + " rows, the slab has " + rows);
        }
        bytes += t == null ? 0 : t.sizeBytes();
      }
    }
    sizeBytes = bytes;
    this.onRelease = onRelease;
  }

  /** One field of one layer, (rows, width of the field); null when the layer lacks it. */
  public @Nullable Tensor field(int layer, int field) {
    return tensors[layer][field];
  }

  /** The fields that a layer has, as bits. */
  public int fieldMask(int layer) {
    int mask = 0;
    for (int f = 0; f < tensors[layer].length; f++) {
      mask |= tensors[layer][f] == null ? 0 : 1 << f;
    }
    return mask;
  }

  public int layers() {
    return tensors.length;
  }

  /** Fields that a layer may have. */
  public int fields() {
    return tensors[0].length;
  }

  public int rows() {
    return rows;
  }

  /** Bytes of all tensors. */
  public long sizeBytes() {
    return sizeBytes;
  }

  /** References held. */
  public int references() {
    return references;
  }

  /** Takes another reference. */
  public Slab retain() {
    checkOpen();
    references++;
    return this;
  }

  /**
   * Gives one reference back.
   *
   * @return whether it was the last, so that the memory was freed
   */
  public boolean release() {
    checkOpen();
    if (--references > 0) {
      return false;
    }
    onRelease.run();
    return true;
  }

  private void checkOpen() {
    if (references == 0) {
      throw new IllegalStateException(
          "A slab of " + rows + " rows was used after its last reference was released");
    }
  }
}
