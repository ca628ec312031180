package io.alchemist.feedback;

import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;

/**
 * The outcome of one micro-batch: a row of {@link Table#ROUNDS}, with its columns in its order. Immutable.
 *
 * @param queryId streaming query
 * @param batchId its micro-batch
 * @param round running number over all queries, from 1
 * @param fromVersion version that was live before
 * @param toVersion version that went live, or null
 * @param candidateVersion version that was trained, live or rejected, or null
 * @param trained ids of feedback that was trained, also where the gate rejected what came of it
 * @param counted ids of feedback without a training objective
 * @param heldOut ids of feedback kept out of training
 * @param quarantined all feedback of the batch that is not used, that which training refused included
 * @param waiting feedback whose turn is not known yet
 * @param received rows of the batch
 * @param examples training examples
 * @param accumulated examples of earlier rounds whose gradients went into the first step
 * @param steps optimizer steps
 * @param predictingTokens tokens with a loss
 * @param reusedTokens tokens whose activations serving had left
 * @param recomputedTokens prompt tokens forwarded again
 * @param loss mean per weighted token at the first step, or null
 * @param gradientNorm of the first step, or null
 * @param gate verdict on the candidate
 * @param gateLossBefore on held-out examples before training, or null
 * @param gateLossAfter on held-out examples after training, or null
 * @param executors that took part
 * @param seconds from the batch's start to its decision
 * @param finishedAt when it was decided; kept to the microsecond
 */
public record RoundRecord(
    String queryId,
    long batchId,
    long round,
    long fromVersion,
    @Nullable Long toVersion,
    @Nullable Long candidateVersion,
    List<String> trained,
    List<String> counted,
    List<String> heldOut,
    List<Quarantined> quarantined,
    List<Waiting> waiting,
    long received,
    int examples,
    int accumulated,
    int steps,
    long predictingTokens,
    long reusedTokens,
    long recomputedTokens,
    @Nullable Double loss,
    @Nullable Double gradientNorm,
    Gate gate,
    @Nullable Double gateLossBefore,
    @Nullable Double gateLossAfter,
    int executors,
    double seconds,
    Instant finishedAt) {

  /** Verdict on what was trained. */
  public enum Gate {
    /** Better or equal on held-out examples: it went live. */
    PASSED,
    /** Worse on held-out examples: it did not. */
    REJECTED,
    /** There was no gate, or nothing to measure by: it went live. */
    SKIPPED,
    /** The gradient waits for those of the next rounds: there were too few examples for a step. */
    ACCUMULATED,
    /** Nothing was trained. */
    NOTHING
  }

  /**
   * Feedback that is not used.
   *
   * @param id of the feedback; null where it has none that can be kept
   * @param detail what is wrong, in a sentence
   */
  public record Quarantined(@Nullable String id, Reason reason, String detail) {
    static final StructType SCHEMA = new StructType()
        .add("id", DataTypes.StringType, true, "Id of the feedback; null: it had none.")
        .add("reason", DataTypes.StringType, true, "Stable code.")
        .add("detail", DataTypes.StringType, true, "What is wrong, in a sentence.");

    Row toRow() {
      return RowFactory.create(id, reason.name(), detail);
    }

    static Quarantined from(Row row) {
      return new Quarantined(row.getString(0), Reason.valueOf(row.getString(1)), row.getString(2));
    }
  }

  /**
   * Feedback whose turn is not known yet.
   *
   * @param since when it was first read; kept to the microsecond
   * @param fingerprint hash of the row, which tells it from others with its id
   */
  public record Waiting(String id, Instant since, long fingerprint) {
    static final StructType SCHEMA = new StructType()
        .add("id", DataTypes.StringType, true, "Id of the feedback.")
        .add("since", DataTypes.TimestampType, true, "When it was first read.")
        .add(
            "fingerprint",
            DataTypes.LongType,
            true,
            "Hash of the row, which tells it from others with its id.");

    public Waiting {
      since = since.truncatedTo(ChronoUnit.MICROS);
    }

    Row toRow() {
      return RowFactory.create(id, Rows.timestamp(since), fingerprint);
    }

    static Waiting from(Row row) {
      return new Waiting(row.getString(0), Rows.instant(row, 1), row.getLong(2));
    }
  }

  public RoundRecord {
    trained = List.copyOf(trained);
    counted = List.copyOf(counted);
    heldOut = List.copyOf(heldOut);
    quarantined = List.copyOf(quarantined);
    waiting = List.copyOf(waiting);
    finishedAt = finishedAt.truncatedTo(ChronoUnit.MICROS);
  }

  /** The row of {@link Table#ROUNDS}. */
  public Row toRow() {
    return RowFactory.create(
        queryId,
        batchId,
        round,
        fromVersion,
        toVersion,
        candidateVersion,
        trained.toArray(String[]::new),
        counted.toArray(String[]::new),
        heldOut.toArray(String[]::new),
        quarantined.stream().map(Quarantined::toRow).toArray(Row[]::new),
        waiting.stream().map(Waiting::toRow).toArray(Row[]::new),
        received,
        examples,
        accumulated,
        steps,
        predictingTokens,
        reusedTokens,
        recomputedTokens,
        loss,
        gradientNorm,
        gate.name(),
        gateLossBefore,
        gateLossAfter,
        executors,
        seconds,
        Rows.timestamp(finishedAt));
  }

  /** Reads a row of {@link Table#ROUNDS} with all its columns. */
  public static RoundRecord from(Row row) {
    List<Quarantined> quarantined = new ArrayList<>();
    for (Row item : row.<Row>getList(row.fieldIndex("quarantined"))) {
      quarantined.add(Quarantined.from(item));
    }
    List<Waiting> waiting = new ArrayList<>();
    for (Row item : row.<Row>getList(row.fieldIndex("waiting"))) {
      waiting.add(Waiting.from(item));
    }
    return new RoundRecord(
        row.getAs("query_id"),
        row.<Long>getAs("batch_id"),
        row.<Long>getAs("round"),
        row.<Long>getAs("from_version"),
        Rows.longOrNull(row, "to_version"),
        Rows.longOrNull(row, "candidate_version"),
        row.getList(row.fieldIndex("trained")),
        row.getList(row.fieldIndex("counted")),
        row.getList(row.fieldIndex("held_out")),
        quarantined,
        waiting,
        row.<Long>getAs("received"),
        row.<Integer>getAs("examples"),
        Rows.intOrZero(row, "accumulated"),
        row.<Integer>getAs("steps"),
        row.<Long>getAs("predicting_tokens"),
        row.<Long>getAs("reused_tokens"),
        row.<Long>getAs("recomputed_tokens"),
        Rows.doubleOrNull(row, "loss"),
        Rows.doubleOrNull(row, "gradient_norm"),
        Gate.valueOf(row.getAs("gate")),
        Rows.doubleOrNull(row, "gate_loss_before"),
        Rows.doubleOrNull(row, "gate_loss_after"),
        row.<Integer>getAs("executors"),
        row.<Double>getAs("seconds"),
        Rows.instant(row, row.fieldIndex("finished_at")));
  }
}
