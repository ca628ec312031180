package io.alchemist.feedback;

import static org.apache.spark.sql.functions.broadcast;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.size;

import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;

/**
 * The turns that were served, as the table {@code turns} has them. A job's turns are appended through one instance, which
 * remembers the newest: feedback mostly comes soon, and then the table needs not be read.
 *
 * <p>The table may be huge, and ids are random, so that they say nothing of the file a turn is in; the time when it ended does. So two
 * narrow columns of the whole table are read first, and then whole rows of those files only whose times are asked for.
 * Thread-safe.
 */
public final class TurnLog {
  /** What {@link #join} answers. */
  static final StructType TRAINABLE = new StructType()
      .add("feedback_id", DataTypes.StringType)
      .add("turn_id", DataTypes.StringType)
      .add("executor_id", DataTypes.StringType)
      .add("version", DataTypes.LongType)
      .add("conversation_id", DataTypes.StringType)
      .add("prompt", DataTypes.createArrayType(DataTypes.IntegerType))
      .add("completion", DataTypes.createArrayType(DataTypes.IntegerType))
      .add("target", DataTypes.StringType);

  private static final StructType WANTED = new StructType()
      .add("feedback_id", DataTypes.StringType)
      .add("turn_id", DataTypes.StringType)
      .add("target", DataTypes.StringType);

  /** More time ranges make a longer filter, fewer read more files. */
  private static final int MAX_RANGES = 16;

  private static final long REMEMBERED_BYTES = 64L << 20;
  /** Of a turn without its tokens: ids, texts, objects. */
  private static final long TURN_BYTES = 1_024;

  private static final int TURN_ID = Table.TURNS.schema().fieldIndex("turn_id");
  private static final int PROMPT = Table.TURNS.schema().fieldIndex("prompt");
  private static final int COMPLETION = Table.TURNS.schema().fieldIndex("completion");
  private static final int ENDED_AT = Table.TURNS.schema().fieldIndex("ended_at");

  private final Tables tables;
  private final long rememberedBytes;
  private final IdFilter ids;
  private final Object lock = new Object();
  /** Oldest first; guarded by lock. */
  private final Map<String, Row> remembered = new LinkedHashMap<>();

  private long bytes; // of what is remembered; guarded by lock

  /** Over the table, which must exist. */
  public TurnLog(Tables tables) {
    this(tables, REMEMBERED_BYTES);
  }

  /** Likewise, remembering about so many bytes of turns. */
  TurnLog(Tables tables, long rememberedBytes) {
    this.tables = tables;
    this.rememberedBytes = rememberedBytes;
    this.ids = new IdFilter(tables, () -> tables.read(Table.TURNS).select("turn_id"));
  }

  /** Appends turns; nothing where {@code txn} was done before. */
  public void append(List<Row> turns, Txn txn) {
    tables.append(Table.TURNS, turns, txn);
    ids.add(turns.stream().map(turn -> turn.getString(TURN_ID)).toList());
    synchronized (lock) {
      for (Row turn : turns) {
        if (remembered.put(turn.getString(TURN_ID), turn) == null) {
          bytes += bytes(turn);
        }
      }
      var oldest = remembered.values().iterator();
      while (bytes > rememberedBytes) {
        bytes -= bytes(oldest.next());
        oldest.remove();
      }
    }
  }

  private static long bytes(Row turn) {
    return TURN_BYTES
        + Integer.BYTES * ((long) tokens(turn, PROMPT).length + tokens(turn, COMPLETION).length);
  }

  /** Whether a turn is among those that are remembered. */
  boolean remembers(String turnId) {
    synchronized (lock) {
      return remembered.containsKey(turnId);
    }
  }

  /**
   * When the turns ended; those that the table does not have are missing.
   *
   * @param sure ids that are looked up in the table in any case; of others it is only asked when it may have them as far as
   *     this process knows
   */
  Map<String, Instant> endedAt(Collection<String> turnIds, Collection<String> sure) {
    Map<String, Instant> found = new HashMap<>();
    Set<String> others = new LinkedHashSet<>();
    synchronized (lock) {
      for (String id : turnIds) {
        Row turn = remembered.get(id);
        if (turn == null) {
          others.add(id);
        } else {
          found.put(id, Rows.instant(turn, ENDED_AT));
        }
      }
    }
    Set<String> asked = new HashSet<>(ids.possible(others));
    others.retainAll(new HashSet<>(sure));
    asked.addAll(others);
    if (!asked.isEmpty()) {
      Dataset<Row> rows = tables
          .read(Table.TURNS)
          .select("turn_id", "ended_at")
          .join(tables.strings("turn_id", asked), "turn_id");
      for (Row row : rows.collectAsList()) {
        found.merge(row.getString(0), Rows.instant(row, 1), (a, b) -> a.isBefore(b) ? a : b);
      }
    }
    return found;
  }

  /**
   * Feedback with the turns it is about.
   *
   * @param rows one for each piece of feedback whose turn has what is to be trained; to be given back by unpersist
   * @param ids the feedback of these rows
   */
  record Trainable(Dataset<Row> rows, Set<String> ids) {}

  /**
   * Joins feedback with its turns.
   *
   * @param endedAt what {@link #endedAt} said of all these turns
   */
  Trainable join(List<JudgedRow> feedback, Map<String, Instant> endedAt) {
    List<Row> here = new ArrayList<>();
    List<Row> wanted = new ArrayList<>();
    Set<Instant> times = new HashSet<>();
    Set<String> trainable = new HashSet<>();
    for (JudgedRow row : feedback) {
      String id = Objects.requireNonNull(row.id());
      String turnId = Objects.requireNonNull(row.turnId());
      String target = row.target();
      Row turn = recall(turnId);
      if (turn == null) {
        times.add(Objects.requireNonNull(endedAt.get(turnId)));
        wanted.add(RowFactory.create(id, turnId, target));
      } else if (target != null || tokens(turn, COMPLETION).length > 0) {
        here.add(trainable(id, turn, target));
        trainable.add(id);
      }
    }
    Dataset<Row> rows = tables.spark().createDataFrame(here, TRAINABLE);
    if (!wanted.isEmpty()) {
      rows = around(times)
          .join(broadcast(tables.spark().createDataFrame(wanted, WANTED)), "turn_id")
          .where(col("target").isNotNull().or(size(col("completion")).gt(0)))
          // A turn may have been written twice.
          .dropDuplicates(new String[] {"feedback_id"})
          .selectExpr(TRAINABLE.fieldNames())
          .union(rows)
          .persist();
      // This fills the cache, too.
      rows.select("feedback_id").collectAsList().forEach(row -> trainable.add(row.getString(0)));
    }
    return new Trainable(rows, trainable);
  }

  private @Nullable Row recall(String turnId) {
    synchronized (lock) {
      return remembered.get(turnId);
    }
  }

  private static Row trainable(String feedbackId, Row turn, @Nullable String target) {
    Object[] values = new Object[TRAINABLE.size()];
    values[0] = feedbackId;
    for (int i = 1; i < values.length - 1; i++) {
      values[i] = turn.get(Table.TURNS.schema().fieldIndex(TRAINABLE.fieldNames()[i]));
    }
    values[values.length - 1] = target;
    return RowFactory.create(values);
  }

  /** The turns that ended at these times, with all columns, and others between them. */
  private Dataset<Row> around(Collection<Instant> times) {
    Column inTime = lit(false);
    for (TimeRange range : TimeRange.covering(times, MAX_RANGES)) {
      inTime = inTime.or(
          col("ended_at").between(Rows.timestamp(range.from()), Rows.timestamp(range.to())));
    }
    return tables.read(Table.TURNS).where(inTime);
  }

  private static int[] tokens(Row turn, int column) {
    return (int[]) turn.get(column);
  }
}
