package io.alchemist.feedback;

import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/** Takes the micro-batches of {@link FeedbackStream}, on the thread of its query, one at a time. */
@FunctionalInterface
public interface BatchHandler {

  /**
   * Handles a batch. It may come again after a crash, with the same ids and rows. An exception ends the query.
   *
   * @param rows new rows of {@link Table#FEEDBACK}; none where the stream was woken up
   * @param queryId id of the query, which stays the same as long as its checkpoint
   * @param batchId rises from 0 within the query
   */
  void handle(Dataset<Row> rows, String queryId, long batchId);
}
