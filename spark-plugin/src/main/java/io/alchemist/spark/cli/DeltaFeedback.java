package io.alchemist.spark.cli;

import io.alchemist.feedback.Table;
import io.alchemist.feedback.Tables;
import io.alchemist.spark.demo.FeedbackTable;
import io.alchemist.spark.demo.OutsideFeedback;
import java.sql.Timestamp;
import java.util.List;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;

/** Appends to the table {@code feedback} as anybody with Spark and Delta would. */
final class DeltaFeedback implements FeedbackTable {
  private final SparkSession spark;
  private final String path;

  DeltaFeedback(Tables tables) {
    this.spark = tables.spark();
    this.path = tables.path(Table.FEEDBACK);
  }

  @Override
  public void append(List<OutsideFeedback> feedback) {
    List<Row> rows = feedback.stream()
        .map(row -> RowFactory.create(
            row.id(),
            row.turnId(),
            row.kind(),
            row.score(),
            row.text(),
            null,
            row.user(),
            new Timestamp(row.createdEpochMillis())))
        .toList();
    spark
        .createDataFrame(rows, Table.FEEDBACK.schema())
        .coalesce(1)
        .write()
        .format("delta")
        .mode("append")
        .save(path);
  }
}
