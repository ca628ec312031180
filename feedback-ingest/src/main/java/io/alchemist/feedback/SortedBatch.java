package io.alchemist.feedback;

import java.util.List;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/**
 * A micro-batch, judged. Nothing of it is in any table yet. Every row of the batch, and every row that waited, is in
 * exactly one of the lists or skipped.
 *
 * @param received rows of the batch
 * @param skipped rows that another query has dealt with: this one reads the table anew
 * @param trainable what can be trained, one row for each of {@code trainableIds}: {@code feedback_id}, {@code turn_id},
 *     {@code executor_id}, {@code version}, {@code conversation_id}, {@code prompt}, {@code completion} (as it was
 *     served), {@code target} (text to train instead; null: the completion). May be evaluated any number of times
 *     until {@link #close}: at hand, or cached where it was read
 * @param counted ids of feedback that is fine and has no training objective
 * @param quarantined feedback that is not used
 * @param waiting feedback whose turn is not known yet
 */
public record SortedBatch(
    long received,
    long skipped,
    Dataset<Row> trainable,
    List<String> trainableIds,
    List<String> counted,
    List<RoundRecord.Quarantined> quarantined,
    List<RoundRecord.Waiting> waiting)
    implements AutoCloseable {

  public SortedBatch {
    trainableIds = List.copyOf(trainableIds);
    counted = List.copyOf(counted);
    quarantined = List.copyOf(quarantined);
    waiting = List.copyOf(waiting);
  }

  /** Gives the cached rows back. */
  @Override
  public void close() {
    trainable.unpersist();
  }
}
