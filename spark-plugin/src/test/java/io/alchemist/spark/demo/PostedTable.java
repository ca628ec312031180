package io.alchemist.spark.demo;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/** A feedback table whose rows are posted; what the server refuses is counted, as a quarantine would. */
final class PostedTable implements FeedbackTable {
  private final ChatClient client;
  final AtomicInteger taken = new AtomicInteger();
  final AtomicInteger refused = new AtomicInteger();

  PostedTable(ChatClient client) {
    this.client = client;
  }

  @Override
  public void append(List<OutsideFeedback> rows) {
    for (OutsideFeedback row : rows) {
      try {
        client.give(row);
        taken.incrementAndGet();
      } catch (ApiException e) {
        refused.incrementAndGet();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    }
  }
}
