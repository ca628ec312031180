package io.alchemist.feedback;

import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.stream.Stream;
import org.apache.spark.sql.connector.catalog.Column;
import org.apache.spark.sql.connector.catalog.SupportsRead;
import org.apache.spark.sql.connector.catalog.TableCapability;
import org.apache.spark.sql.connector.catalog.TableProvider;
import org.apache.spark.sql.connector.expressions.Transform;
import org.apache.spark.sql.connector.read.InputPartition;
import org.apache.spark.sql.connector.read.PartitionReaderFactory;
import org.apache.spark.sql.connector.read.Scan;
import org.apache.spark.sql.connector.read.ScanBuilder;
import org.apache.spark.sql.connector.read.streaming.MicroBatchStream;
import org.apache.spark.sql.connector.read.streaming.Offset;
import org.apache.spark.sql.connector.read.streaming.ReadLimit;
import org.apache.spark.sql.connector.read.streaming.SupportsAdmissionControl;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.util.CaseInsensitiveStringMap;
import org.jspecify.annotations.Nullable;

/**
 * A streaming source without rows, which makes a query run a micro-batch when it is asked to: queries otherwise run
 * batches only for new data. It is united with the source of the data. Public because Spark makes it by its name.
 *
 * <p>The offset counts the batches it has caused. It goes on from the checkpoint's, so that a restarted query neither
 * runs a batch nobody asked for nor misses one.
 */
public final class WakeUpSource implements TableProvider {
  static final String SIGNAL = "signal";

  private static final ConcurrentMap<String, Signal> SIGNALS = new ConcurrentHashMap<>();

  /** Asks for a micro-batch of one query. Found by its id, since Spark makes the source from strings. Thread-safe. */
  static final class Signal implements AutoCloseable {
    private final String id = UUID.randomUUID().toString();
    private boolean asked;

    private Signal() {}

    static Signal open() {
      Signal signal = new Signal();
      SIGNALS.put(signal.id, signal);
      return signal;
    }

    String id() {
      return id;
    }

    synchronized void raise() {
      asked = true;
    }

    /** Whether it was asked since it was last taken. */
    private synchronized boolean take() {
      boolean result = asked;
      asked = false;
      return result;
    }

    @Override
    public void close() {
      SIGNALS.remove(id);
    }
  }

  @Override
  public StructType inferSchema(CaseInsensitiveStringMap options) {
    return Table.FEEDBACK.schema();
  }

  @Override
  public org.apache.spark.sql.connector.catalog.Table getTable(
      StructType schema, Transform[] partitioning, Map<String, String> properties) {
    return new WakeUpTable();
  }

  private static final class WakeUpTable implements SupportsRead {
    @Override
    public String name() {
      return "wake-up";
    }

    @Override
    public Column[] columns() {
      return Stream.of(Table.FEEDBACK.schema().fields())
          .map(field -> Column.create(field.name(), field.dataType(), field.nullable()))
          .toArray(Column[]::new);
    }

    @Override
    public Set<TableCapability> capabilities() {
      return Set.of(TableCapability.MICRO_BATCH_READ);
    }

    @Override
    public ScanBuilder newScanBuilder(CaseInsensitiveStringMap options) {
      String id = options.get(SIGNAL);
      Signal signal = id == null ? null : SIGNALS.get(id);
      if (signal == null) {
        throw new IllegalStateException("The wake-up signal " + id
            + " is not open in this process; start the query by FeedbackStream.start.");
      }
      return () -> new WakeUpScan(signal);
    }
  }

  private record WakeUpScan(Signal signal) implements Scan {
    @Override
    public StructType readSchema() {
      return Table.FEEDBACK.schema();
    }

    @Override
    public String description() {
      return "wake-up";
    }

    @Override
    public MicroBatchStream toMicroBatchStream(String checkpointLocation) {
      return new WakeUps(signal);
    }
  }

  /** Used by the query's thread only. */
  private static final class WakeUps implements MicroBatchStream, SupportsAdmissionControl {
    private final Signal signal;

    WakeUps(Signal signal) {
      this.signal = signal;
    }

    @Override
    public Offset latestOffset(Offset start, ReadLimit limit) {
      // What is taken is never lost: an offset above the start makes a batch, and is in the
      // checkpoint before it runs.
      return signal.take() ? new Count(((Count) start).value + 1) : start;
    }

    @Override
    public Offset latestOffset() {
      throw new UnsupportedOperationException("Spark asks with the offset to start from.");
    }

    @Override
    public Offset initialOffset() {
      return new Count(0);
    }

    @Override
    public Offset deserializeOffset(String json) {
      return new Count(Long.parseLong(json));
    }

    @Override
    public InputPartition[] planInputPartitions(Offset start, Offset end) {
      return new InputPartition[0];
    }

    @Override
    public PartitionReaderFactory createReaderFactory() {
      return partition -> {
        throw new UnsupportedOperationException("There are no partitions to read.");
      };
    }

    @Override
    public void commit(Offset end) {}

    @Override
    public void stop() {}
  }

  /** How many batches were caused. Equal by its JSON. */
  private static final class Count extends Offset {
    private final long value;

    Count(long value) {
      this.value = value;
    }

    @Override
    public String json() {
      return Long.toString(value);
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Offset offset && json().equals(offset.json());
    }

    @Override
    public int hashCode() {
      return Long.hashCode(value);
    }
  }
}
