package io.alchemist.train;

import io.alchemist.cache.Covered;
import io.alchemist.cache.Logged;

/** What examples share: the same activations from the same position on. Logged activations are equal by identity. */
record Stretch(Logged logged, int from) {
  static Stretch of(Covered covered) {
    Logged logged = covered.logged();
    if (logged == null) {
      throw new IllegalStateException("Not a logged run: " + covered);
    }
    return new Stretch(logged, covered.from());
  }
}
