package io.alchemist.activation;

import io.alchemist.cache.Logged;

/** Activations that were on the host are gone; what depends on them must be forwarded again. */
public final class LostActivationsException extends RuntimeException {
  private static final long serialVersionUID = 1L;
  private final transient Logged logged;

  LostActivationsException(Logged logged) {
    super("The host copy of " + logged + " is gone");
    this.logged = logged;
  }

  /** Which ones. */
  public Logged logged() {
    return logged;
  }
}
