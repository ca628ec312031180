package io.alchemist.spark;

/** Throws as Scala does: checked exceptions without declaring them. */
public final class Undeclared {
  private Undeclared() {}

  /** Throws it, whatever it is. */
  public static void raise(Throwable thrown) {
    Undeclared.<RuntimeException>raiseAs(thrown);
  }

  @SuppressWarnings("unchecked") // which is the trick
  private static <T extends Throwable> void raiseAs(Throwable thrown) throws T {
    throw (T) thrown;
  }
}
