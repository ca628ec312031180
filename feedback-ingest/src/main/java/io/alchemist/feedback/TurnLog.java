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
import java.util.Iterator;
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
  /** Of a turn without its tokens: ids, objects. */
  private static final long TURN_BYTES = 512;
  /** So many tokens at most go from here to the executors at once, inside tasks; others are read there. */
  private static final long MOST_SENT_TOKENS = 1_000_000;

  private static final StructType TURNS = Table.TURNS.schema();
  private static final int TURN_ID = TURNS.fieldIndex("turn_id");

  private final Tables tables;
  private final long rememberedBytes;
  private final IdFilter ids;
  private final Object lock = new Object();
  /** Oldest first; guarded by lock. */
  private final Map<String, Turn> remembered = new LinkedHashMap<>();

  private long bytes; // of what is remembered; guarded by lock

  /** What is remembered of a turn. */
  @SuppressWarnings("ArrayRecordComponent") // compared by nobody
  private record Turn(
      String executorId,
      long version,
      String conversationId,
      int[] prompt,
      int[] completion,
      Instant endedAt) {

    static Turn of(Row row) {
      return new Turn(
          row.getString(TURNS.fieldIndex("executor_id")),
          row.getLong(TURNS.fieldIndex("version")),
          row.getString(TURNS.fieldIndex("conversation_id")),
          (int[]) row.get(TURNS.fieldIndex("prompt")),
          (int[]) row.get(TURNS.fieldIndex("completion")),
          Rows.instant(row, TURNS.fieldIndex("ended_at")));
    }

    long tokens() {
      return (long) prompt.length + completion.length;
    }

    long bytes() {
      return TURN_BYTES + Integer.BYTES * tokens();
    }

    /** The row of {@link #TRAINABLE}. */
    Row trainable(String feedbackId, String turnId, @Nullable String target) {
      return RowFactory.create(
          feedbackId, turnId, executorId, version, conversationId, prompt, completion, target);
    }
  }

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
      for (Row row : turns) {
        Turn turn = Turn.of(row);
        Turn before = remembered.put(row.getString(TURN_ID), turn);
        bytes += turn.bytes() - (before == null ? 0 : before.bytes());
      }
      Iterator<Turn> oldest = remembered.values().iterator();
      while (bytes > rememberedBytes) {
        bytes -= oldest.next().bytes();
        oldest.remove();
      }
    }
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
        Turn turn = remembered.get(id);
        if (turn == null) {
          others.add(id);
        } else {
          found.put(id, turn.endedAt);
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
    long sent = 0;
    for (JudgedRow row : feedback) {
      String id = Objects.requireNonNull(row.id());
      String turnId = Objects.requireNonNull(row.turnId());
      String target = row.target();
      Turn turn = recall(turnId);
      if (turn == null || sent + turn.tokens() > MOST_SENT_TOKENS) {
        times.add(Objects.requireNonNull(endedAt.get(turnId)));
        wanted.add(RowFactory.create(id, turnId, target));
      } else if (target != null || turn.completion.length > 0) {
        here.add(turn.trainable(id, turnId, target));
        sent += turn.tokens();
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
      try {
        // This fills the cache, too.
        rows.select("feedback_id").collectAsList().forEach(row -> trainable.add(row.getString(0)));
      } catch (RuntimeException e) {
        rows.unpersist();
        throw e;
      }
    }
    return new Trainable(rows, trainable);
  }

  private @Nullable Turn recall(String turnId) {
    synchronized (lock) {
      return remembered.get(turnId);
    }
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
}
