package io.alchemist.spark.fleet;

import java.time.Duration;
import java.util.concurrent.CompletionStage;

/** The driver's way to one executor. Thread-safe. */
@FunctionalInterface
public interface Link {
  /** Asks without waiting. The stage fails after {@code limit}, or when the executor is gone; nothing is thrown here. */
  CompletionStage<Message> ask(Message message, Duration limit);
}
