package io.alchemist.spark.cli;

import io.alchemist.feedback.Table;
import io.alchemist.feedback.Tables;
import io.alchemist.feedback.Txn;
import io.alchemist.spark.demo.FeedbackTable;
import io.alchemist.spark.demo.OutsideFeedback;
import java.sql.Timestamp;
import java.util.List;
import java.util.UUID;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;

/** Appends to the table {@code feedback}, as anybody may who can write to a Delta table. */
final class DeltaFeedback implements FeedbackTable {
  private final Tables tables;
  private final String name = "outside-" + UUID.randomUUID();
  private long appends;

  DeltaFeedback(Tables tables) {
    this.tables = tables;
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
    tables.append(Table.FEEDBACK, rows, new Txn(name, appends++));
  }
}
