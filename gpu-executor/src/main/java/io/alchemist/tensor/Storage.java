package io.alchemist.tensor;

/** A block of device memory, in the terms of the back end that made it. Opaque to everybody else. */
public interface Storage {

  /** Bytes that can be used. */
  long sizeBytes();
}
