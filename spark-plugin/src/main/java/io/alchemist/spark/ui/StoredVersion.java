package io.alchemist.spark.ui;

import org.apache.spark.util.kvstore.KVIndex;

/** A weight version in the application's store, in the order of its number. Immutable. */
record StoredVersion(VersionEvent event) {
  @KVIndex
  public long number() {
    return event.version();
  }
}
