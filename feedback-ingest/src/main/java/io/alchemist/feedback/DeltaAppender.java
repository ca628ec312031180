package io.alchemist.feedback;

import io.delta.kernel.DataWriteContext;
import io.delta.kernel.Operation;
import io.delta.kernel.Snapshot;
import io.delta.kernel.TableManager;
import io.delta.kernel.Transaction;
import io.delta.kernel.TransactionCommitResult;
import io.delta.kernel.data.FilteredColumnarBatch;
import io.delta.kernel.defaults.engine.DefaultEngine;
import io.delta.kernel.engine.Engine;
import io.delta.kernel.exceptions.ConcurrentTransactionException;
import io.delta.kernel.exceptions.ConcurrentWriteException;
import io.delta.kernel.exceptions.KernelException;
import io.delta.kernel.expressions.Column;
import io.delta.kernel.hook.PostCommitHook;
import io.delta.kernel.hook.PostCommitHook.PostCommitHookType;
import io.delta.kernel.internal.util.Utils;
import io.delta.kernel.utils.CloseableIterable;
import io.delta.kernel.utils.CloseableIterator;
import io.delta.kernel.utils.DataFileStatus;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.Row;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Appends rows that are in this process to Delta tables, by Delta Kernel and without a Spark job: a commit takes a tenth of a
 * second and does not wait until an executor is free. Thread-safe.
 */
final class DeltaAppender {
  private static final Logger LOG = LoggerFactory.getLogger(DeltaAppender.class);
  private static final String WRITER = "Alchemist";
  /** How often an append is done anew because somebody changed the table's schema or properties meanwhile. */
  private static final int ATTEMPTS = 3;

  private final Engine engine;
  /** One append to a table at a time: whoever is overtaken would have to do it anew. */
  private final Map<Table, Object> turnstiles = new EnumMap<>(Table.class);

  private final TableUpkeep upkeep;

  /**
   * Touches nothing.
   *
   * @param hadoop says how file systems are reached
   * @param upkeep does what may follow a commit by and by, and takes long
   */
  DeltaAppender(Configuration hadoop, TableUpkeep upkeep) {
    this.engine = DefaultEngine.create(hadoop);
    this.upkeep = upkeep;
    for (Table table : Table.values()) {
      turnstiles.put(table, new Object());
    }
  }

  /**
   * Checks that a table can be appended to.
   *
   * @throws IllegalStateException saying why it can't
   */
  void check(Table table, String path) {
    try {
      Transaction unused = begin(path, new Txn("check", 0));
    } catch (KernelException e) {
      throw new IllegalStateException(
          "The table " + table.tableName() + " in " + path + " can't be appended to: "
              + e.getMessage() + " Drop the feature that is named, or move the table away.",
          e);
    }
  }

  /**
   * Appends one file with these rows; nothing where {@code txn} was done before.
   *
   * @param rows with the columns of {@link Table#schema}, in that order
   * @return the version of the table that has them; -1 where it was done before
   * @throws IllegalArgumentException if a row lacks a value that is required
   */
  long append(Table table, String path, List<Row> rows, Txn txn) {
    RowBatch.check(table, rows);
    synchronized (Objects.requireNonNull(turnstiles.get(table))) {
      return appendAlone(table, path, rows, txn);
    }
  }

  private long appendAlone(Table table, String path, List<Row> rows, Txn txn) {
    for (int attempt = 1; ; attempt++) {
      try {
        return commit(table, path, rows, txn);
      } catch (ConcurrentTransactionException e) {
        LOG.debug("{} was appended to {} before", txn, path, e);
        return -1;
      } catch (ConcurrentWriteException e) {
        if (attempt == ATTEMPTS) {
          throw e;
        }
        LOG.debug("{} changed while {} was appended; it is appended anew", path, txn, e);
      } catch (IOException e) {
        throw new UncheckedIOException("Can't append to " + path, e);
      }
    }
  }

  private Transaction begin(String path, Txn txn) {
    Snapshot snapshot = TableManager.loadSnapshot(path).build(engine);
    return snapshot
        .buildUpdateTableTransaction(WRITER, Operation.WRITE)
        .withTransactionId(txn.appId(), txn.version())
        .build(engine);
  }

  private long commit(Table table, String path, List<Row> rows, Txn txn) throws IOException {
    Transaction transaction = begin(path, txn);
    io.delta.kernel.data.Row state = transaction.getTransactionState(engine);
    FilteredColumnarBatch batch = new FilteredColumnarBatch(
        new RowBatch(transaction.getSchema(engine), table, rows), Optional.empty());
    DataWriteContext context = Transaction.getWriteContext(engine, state, Map.of());
    TransactionCommitResult result;
    try (CloseableIterator<FilteredColumnarBatch> physical = Transaction.transformLogicalData(
            engine, state, Utils.singletonCloseableIterator(batch), Map.of());
        CloseableIterator<DataFileStatus> files = engine
            .getParquetHandler()
            .writeParquetFiles(context.getTargetDirectory(), physical, statistics(table, context));
        CloseableIterator<io.delta.kernel.data.Row> actions =
            Transaction.generateAppendActions(engine, state, files, context)) {
      result = transaction.commit(engine, CloseableIterable.inMemoryIterable(actions));
    }
    for (PostCommitHook hook : result.getPostCommitHooks()) {
      follow(path, hook);
    }
    return result.getVersion();
  }

  private void follow(String path, PostCommitHook hook) {
    if (hook.getType() != PostCommitHookType.CHECKSUM_SIMPLE) {
      upkeep.later(() -> hook.threadSafeInvoke(engine));
      return;
    }
    try {
      hook.threadSafeInvoke(engine);
    } catch (IOException | RuntimeException e) {
      // The rows are in the table; readers that miss the checksum count for themselves.
      LOG.debug("The checksum of {} was not written", path, e);
    }
  }

  /** The columns whose least and greatest values stand in the log: those that the table names, texts would bloat it. */
  private static List<Column> statistics(Table table, DataWriteContext context) {
    List<String> named = table.statistics();
    return named.isEmpty()
        ? context.getStatisticsColumns()
        : named.stream().map(Column::new).toList();
  }
}
