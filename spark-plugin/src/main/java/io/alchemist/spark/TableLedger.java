package io.alchemist.spark;

import io.alchemist.feedback.Table;
import io.alchemist.feedback.Tables;
import io.alchemist.feedback.TurnLog;
import io.alchemist.feedback.Txn;
import io.alchemist.spark.fleet.Collector;
import java.util.List;
import org.apache.spark.sql.Row;

/** The tables of the job, into which is collected what executors have. */
record TableLedger(Tables tables, TurnLog turns) implements Collector.Ledger {
  @Override
  public void append(Table table, List<Row> rows, Txn txn) {
    if (table == Table.TURNS) {
      turns.append(rows, txn);
    } else {
      tables.append(table, rows, txn);
    }
  }
}
