package io.alchemist.spark.fleet;

import io.alchemist.spark.fleet.Message.Publish;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/** An executor that says nothing until the test does. Thread-safe. */
final class FakeLink implements Link {
  private final List<Asked> all = new ArrayList<>();

  /** A message with its answer, which the test gives. */
  record Asked(Message message, CompletableFuture<Message> answer) {
    void done() {
      answer.complete(new Message.Done());
    }

    void fail() {
      answer.completeExceptionally(new IllegalStateException("the network is down"));
    }
  }

  @Override
  public synchronized CompletionStage<Message> ask(Message message, Duration limit) {
    Asked asked = new Asked(message, new CompletableFuture<>());
    all.add(asked);
    return asked.answer();
  }

  synchronized List<Message> messages() {
    return all.stream().map(Asked::message).toList();
  }

  /** Versions it was told to serve, in order. */
  List<Long> published() {
    return messages().stream()
        .filter(Publish.class::isInstance)
        .map(message -> ((Publish) message).version())
        .toList();
  }

  /** The newest question. */
  synchronized Asked last() {
    return all.get(all.size() - 1);
  }
}
