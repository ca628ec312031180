package io.alchemist.cache;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** Activations that are nowhere but in a test's mind. */
public final class LoggedFixture {
  private LoggedFixture() {}

  /** With a host copy of the given fields in every layer, and nothing on the device. */
  public static Logged onHost(int from, int count, int layers, int fields) {
    @Nullable Slab none = null;
    Logged logged = new Logged(from, count, none, 0);
    int[] masks = new int[layers];
    Arrays.fill(masks, fields);
    logged.hostCopy(new long[layers], masks, 0);
    return logged;
  }
}
