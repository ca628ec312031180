package io.alchemist.http;

import java.util.UUID;

/** Ids that do not repeat and cannot be guessed: they are receipts. */
final class Ids {
  private Ids() {}

  static String next(String prefix) {
    return prefix + UUID.randomUUID().toString().replace("-", "");
  }
}
