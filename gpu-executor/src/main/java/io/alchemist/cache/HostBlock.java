package io.alchemist.cache;

import io.alchemist.tensor.HostBuffer;

/** A block of a {@link HostTier}, held for reading until it is closed. */
public interface HostBlock extends AutoCloseable {

  /** The bytes, to be copied from only, and while this block is open; the tier closes them. */
  HostBuffer buffer();

  /** Lets the tier move or drop the block again. Closing twice does nothing. */
  @Override
  void close();
}
