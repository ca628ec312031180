package io.alchemist.spark.ui;

import org.jspecify.annotations.Nullable;

/** Events with one thing set, for tests. */
final class Events {
  private Events() {}

  /** A round of 10 examples that reused 300 of 400 prompt tokens. */
  static RoundEvent round(long number, String gate, @Nullable Long to, @Nullable Double loss) {
    return new RoundEvent(
        number,
        "query",
        number + 100,
        1,
        to,
        4,
        10,
        16,
        10,
        2,
        1,
        3,
        0,
        loss,
        0.5,
        gate,
        2.5,
        2.4,
        120,
        300,
        100,
        2_000,
        2,
        1.5,
        1_800_000_000_000L + number * 1_000);
  }

  /** A version trained from the one before. */
  static VersionEvent version(long number, String status, long atMillis) {
    return new VersionEvent(
        number,
        number - 1,
        status,
        "/adapters/" + number,
        "query",
        number + 100,
        10,
        1.5,
        atMillis);
  }

  /** An executor that serves version 1. */
  static ExecutorView executor(String id, String state, String detail, long completionTokens) {
    return new ExecutorView(
        id,
        "host-" + id,
        "http://host-" + id + ":80",
        state,
        detail,
        "cpu",
        1,
        2,
        3,
        4,
        500,
        completionTokens,
        20,
        90,
        8,
        16,
        1 << 20,
        2 << 20,
        3 << 20,
        4 << 20,
        10 << 20,
        12 << 20,
        16 << 20,
        1 << 20,
        0.07,
        0.15);
  }
}
