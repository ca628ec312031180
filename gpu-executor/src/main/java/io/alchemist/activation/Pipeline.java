package io.alchemist.activation;

/**
 * How far backward and its loads are, in seconds, if layers take what they are expected to: a part's load begins when the loader
 * and one of two buffers are free, its computation when it is loaded and the device is free.
 *
 * @param now when the device is free
 * @param loader when the loader is free
 * @param buffer when the buffer of the next part is free
 * @param otherBuffer when that of the part after is
 * @param parts of each layer that are loaded
 * @param loadedShare their share of a layer's rows; the others come first
 * @param inputShare the share of a layer's second half in its time, which waits for no part
 */
record Pipeline(
    double now,
    double loader,
    double buffer,
    double otherBuffer,
    int parts,
    double loadedShare,
    double inputShare) {

  /** Where loads and the device both begin at that time. */
  static Pipeline startedAt(double seconds, int parts, double loadedShare, double inputShare) {
    return new Pipeline(seconds, seconds, seconds, seconds, parts, loadedShare, inputShare);
  }

  /** After something else on the device. */
  Pipeline computed(double seconds) {
    return new Pipeline(now + seconds, loader, buffer, otherBuffer, parts, loadedShare, inputShare);
  }

  /**
   * After one more layer.
   *
   * @param compute seconds of the device
   * @param load seconds of the loader
   */
  Pipeline layer(double compute, double load) {
    if (parts == 0 || load == 0) {
      return computed(compute);
    }
    double first = compute * (1 - inputShare);
    double device = now + first * (1 - loadedShare);
    double free = loader;
    double next = buffer;
    double after = otherBuffer;
    for (int part = 0; part < parts; part++) {
      free = Math.max(free, next) + load / parts;
      device = Math.max(device, free) + first * loadedShare / parts;
      next = after;
      after = device;
    }
    return new Pipeline(
        device + compute * inputShare, free, next, after, parts, loadedShare, inputShare);
  }
}
