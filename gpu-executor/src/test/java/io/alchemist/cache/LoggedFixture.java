package io.alchemist.cache;

import java.util.Arrays;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;

/** Activations that are nowhere but in a test's mind. */
public final class LoggedFixture {
  private LoggedFixture() {}

  /** With a host copy of the given fields in every layer, and nothing on the device. */
  public static Logged onHost(int from, int count, int layers, int fields) {
    int[] masks = new int[layers];
    Arrays.fill(masks, fields);
    return onHost(from, count, masks);
  }

  /** Likewise with the given fields of each layer. */
  public static Logged onHost(int from, int count, int[] fields) {
    @Nullable Slab none = null;
    Logged logged = new Logged(from, count, none, 0);
    logged.hostCopy(LongStream.range(0, fields.length).toArray(), fields, 0);
    return logged;
  }
}
