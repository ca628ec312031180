package io.alchemist.spark.ui;

import java.util.Locale;

/** What the gate said of a round. */
enum Verdict {
  PASSED("✓", "good"),
  REJECTED("✗", "bad"),
  /** It did not judge; the event says why. */
  NONE("–", "idle");

  private final String sign;
  private final String tone;

  Verdict(String sign, String tone) {
    this.sign = sign;
    this.tone = tone;
  }

  static Verdict of(RoundEvent round) {
    String gate = round.gate().toUpperCase(Locale.ROOT);
    return gate.startsWith("PASS") ? PASSED : gate.startsWith("REJECT") ? REJECTED : NONE;
  }

  /** A character that says it without colour. */
  String sign() {
    return sign;
  }

  /** The style class that colours it. */
  String tone() {
    return tone;
  }
}
