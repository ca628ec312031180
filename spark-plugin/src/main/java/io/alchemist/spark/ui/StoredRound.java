package io.alchemist.spark.ui;

import org.apache.spark.util.kvstore.KVIndex;

/** A round in the application's store, in the order of its number. Immutable. */
record StoredRound(RoundEvent event) {
  @KVIndex
  public long number() {
    return event.round();
  }
}
