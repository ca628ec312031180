package io.alchemist.feedback;

import java.time.Instant;
import java.time.temporal.ChronoUnit;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.jspecify.annotations.Nullable;

/**
 * Something that happened to a weight version: a row of {@link Table#VERSIONS}, with its columns in its order. Immutable.
 *
 * @param version the weight version
 * @param parent the version it was trained from; null for the base model
 * @param status what it became
 * @param path adapter in PEFT layout; null for the base model
 * @param queryId streaming query that trained it, or null
 * @param batchId its micro-batch, or null
 * @param examples examples it was trained on, besides its parent's
 * @param loss mean training loss per weighted token, or null
 * @param gateLoss loss on held-out examples, or null
 * @param at when it happened; kept to the microsecond
 */
public record VersionRecord(
    long version,
    @Nullable Long parent,
    Status status,
    @Nullable String path,
    @Nullable String queryId,
    @Nullable Long batchId,
    int examples,
    @Nullable Double loss,
    @Nullable Double gateLoss,
    Instant at) {

  /** States of a version, in the order in which it can go through them. */
  public enum Status {
    /** Trained, not yet judged. */
    CANDIDATE,
    /** Serves, or has served until a newer one did. */
    LIVE,
    /** The gate refused it; it never served. */
    REJECTED,
    /** It served and was withdrawn. */
    ROLLED_BACK
  }

  public VersionRecord {
    at = at.truncatedTo(ChronoUnit.MICROS);
  }

  /** The row of {@link Table#VERSIONS}. */
  public Row toRow() {
    return RowFactory.create(
        version,
        parent,
        status.name(),
        path,
        queryId,
        batchId,
        examples,
        loss,
        gateLoss,
        Rows.timestamp(at));
  }

  /** Reads a row of {@link Table#VERSIONS} with all its columns. */
  public static VersionRecord from(Row row) {
    return new VersionRecord(
        row.<Long>getAs("version"),
        Rows.longOrNull(row, "parent"),
        Status.valueOf(row.getAs("status")),
        Rows.stringOrNull(row, "path"),
        Rows.stringOrNull(row, "query_id"),
        Rows.longOrNull(row, "batch_id"),
        row.<Integer>getAs("examples"),
        Rows.doubleOrNull(row, "loss"),
        Rows.doubleOrNull(row, "gate_loss"),
        Rows.instant(row, row.fieldIndex("at")));
  }
}
