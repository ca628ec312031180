package io.alchemist.serve;

import java.util.concurrent.CompletionStage;

/** Where feedback is kept. Thread-safe. */
public interface FeedbackSink extends AutoCloseable {

  /** Appends it; the stage is done once it would survive the loss of the process. */
  CompletionStage<Void> append(Feedback feedback);

  @Override
  void close();
}
