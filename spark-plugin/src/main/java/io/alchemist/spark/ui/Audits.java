package io.alchemist.spark.ui;

import org.apache.spark.util.kvstore.KVIndex;
import org.jspecify.annotations.Nullable;

/**
 * All comparisons of gradients so far; the application's store has one. Immutable.
 *
 * @param count how many there were
 * @param worstError the largest relative error
 * @param latest the last one; null before the first
 */
record Audits(long count, double worstError, @Nullable AuditEvent latest) {
  static final String ID = "audits";
  static final Audits NONE = new Audits(0, 0, null);

  @KVIndex
  public String id() {
    return ID;
  }

  Audits with(AuditEvent audit) {
    return new Audits(count + 1, Math.max(worstError, audit.relativeError()), audit);
  }
}
