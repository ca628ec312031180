package io.alchemist.spark.ui;

import org.apache.spark.util.kvstore.KVIndex;

/** The newest start in the application's store: there is one. Immutable. */
record StoredStart(StartedEvent event) {
  static final String ID = "start";

  @KVIndex
  public String id() {
    return ID;
  }
}
