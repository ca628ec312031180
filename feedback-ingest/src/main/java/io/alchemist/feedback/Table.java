package io.alchemist.feedback;

import static org.apache.spark.sql.types.DataTypes.DoubleType;
import static org.apache.spark.sql.types.DataTypes.FloatType;
import static org.apache.spark.sql.types.DataTypes.IntegerType;
import static org.apache.spark.sql.types.DataTypes.LongType;
import static org.apache.spark.sql.types.DataTypes.StringType;
import static org.apache.spark.sql.types.DataTypes.TimestampType;
import static org.apache.spark.sql.types.DataTypes.createArrayType;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.Metadata;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;

/** The Delta tables: names, columns, properties. All are appended to; none is partitioned. */
public enum Table {
  /** Answers given. */
  TURNS(
      "Turns that were served: what feedback refers to and training learns from.",
      Map.of(
          Property.COMPACT,
          "true",
          Property.STATISTICS,
          "turn_id,conversation_id,user,executor_id,version,cached_tokens,finish,ended_at"),
      new Columns()
          .required("turn_id", StringType, "Id of the response, which feedback cites.")
          .required(
              "conversation_id",
              StringType,
              "Hash of how the conversation begins, up to the first message of the user.")
          .optional("user", StringType, "Who asked.")
          .required(
              "executor_id",
              StringType,
              "Executor that served the turn and holds what prefill left behind.")
          .required("version", LongType, "Weight version that served the turn.")
          .required("prompt", createArrayType(IntegerType), "Token ids of the prompt.")
          .required(
              "completion",
              createArrayType(IntegerType),
              "Token ids of the answer, the end-of-turn token included where the model chose it.")
          .required(
              "log_probs",
              createArrayType(FloatType),
              "Log-probability of each token of the completion.")
          .optional("prompt_text", StringType, "The last message of the user.")
          .required("completion_text", StringType, "The answer as text.")
          .required("cached_tokens", IntegerType, "Prompt tokens that were not computed anew.")
          .required("finish", StringType, "Why the answer ended.")
          .required("ended_at", TimestampType, "When the answer ended.")),

  /** Feedback as it was given, by anybody. */
  FEEDBACK(
      "Feedback on turns. Anybody may append; what is wrong with a row is found when it is read.",
      Map.of(Property.COMPACT, "true", Property.STATISTICS, "id,turn_id,kind,created_at"),
      feedback()),

  /** Feedback that is not used. */
  QUARANTINE(
      "Feedback that is not used, and why. Long values are cut; the table feedback has the whole of them.",
      Map.of(
          Property.COMPACT,
          "true",
          Property.STATISTICS,
          "id,turn_id,reason,query_id,batch_id,quarantined_at"),
      feedback()
          .required("reason", StringType, "Stable code; the list is below.")
          .required("detail", StringType, "What is wrong with this row, in a sentence.")
          .required("query_id", StringType, "Streaming query that read the row.")
          .required("batch_id", LongType, "Its micro-batch.")
          .required("quarantined_at", TimestampType, "When the batch was decided.")),

  /** Outcome of each micro-batch; the commit log of learning. */
  ROUNDS(
      "One row for each micro-batch of feedback: the commit log. What a batch did besides is redone from here.",
      Map.of(
          Property.COMPACT,
          "true",
          "delta.appendOnly",
          "true",
          Property.STATISTICS,
          "query_id,batch_id"),
      new Columns()
          .required("query_id", StringType, "Streaming query; stays the same with its checkpoint.")
          .required("batch_id", LongType, "Micro-batch; unique within the query.")
          .required("round", LongType, "Running number over all queries, from 1.")
          .required("from_version", LongType, "Version that was live before.")
          .optional("to_version", LongType, "Version that went live; null where none did.")
          .optional(
              "candidate_version",
              LongType,
              "Version that was trained, live or rejected; null where none was.")
          .required("trained", createArrayType(StringType), "Ids of feedback that was trained.")
          .required(
              "counted",
              createArrayType(StringType),
              "Ids of feedback that is kept and has no training objective yet: scores, preferences, thumbs down, texts.")
          .required(
              "held_out",
              createArrayType(StringType),
              "Ids of feedback kept out of training, for the gate.")
          .required(
              "quarantined",
              createArrayType(RoundRecord.Quarantined.SCHEMA),
              "Feedback that is not used; the rows are in the table quarantine.")
          .required(
              "waiting",
              createArrayType(RoundRecord.Waiting.SCHEMA),
              "Feedback whose turn is not known yet; the query's next batch looks at it again.")
          .required("received", LongType, "Rows read from the table feedback.")
          .required("examples", IntegerType, "Training examples.")
          .optional(
              "accumulated",
              IntegerType,
              "Examples of earlier rounds whose gradients went into the first step.")
          .required("steps", IntegerType, "Optimizer steps.")
          .required("predicting_tokens", LongType, "Tokens with a loss, in the first step.")
          .required(
              "reused_tokens",
              LongType,
              "Tokens whose activations serving had left, in the first step.")
          .required(
              "recomputed_tokens",
              LongType,
              "Prompt tokens forwarded again, in the first step; the other steps forward all.")
          .optional("loss", DoubleType, "Mean loss per weighted token at the first step.")
          .optional("gradient_norm", DoubleType, "Norm of the first step's gradient.")
          .required(
              "gate",
              StringType,
              "PASSED, REJECTED, SKIPPED (no gate), ACCUMULATED (too few examples for a step yet) or NOTHING (trained).")
          .optional("gate_loss_before", DoubleType, "Loss on held-out examples before training.")
          .optional("gate_loss_after", DoubleType, "Loss on held-out examples after training.")
          .required("executors", IntegerType, "Executors that took part.")
          .required("seconds", DoubleType, "Time from the batch's start to its decision.")
          .required("finished_at", TimestampType, "When the batch was decided.")),

  /** What became of each weight version. */
  VERSIONS(
      "Events of weight versions; a version's newest row is its state.",
      Map.of(Property.COMPACT, "true", "delta.appendOnly", "true"),
      new Columns()
          .required("version", LongType, "Weight version.")
          .optional("parent", LongType, "Version it was trained from; null for the base model.")
          .required(
              "status",
              StringType,
              "LIVE (the newest one serves; the others did), REJECTED, or ROLLED_BACK (not by the job: appended by hand).")
          .optional("path", StringType, "Adapter in PEFT layout; null for the base model.")
          .optional("query_id", StringType, "Streaming query that trained it.")
          .optional("batch_id", LongType, "Its micro-batch.")
          .required("examples", IntegerType, "Examples it was trained on, besides its parent's.")
          .optional("loss", DoubleType, "Mean training loss per weighted token.")
          .optional("gate_loss", DoubleType, "Loss on held-out examples.")
          .required("at", TimestampType, "When this happened."));

  private final String comment;

  @SuppressWarnings("ImmutableEnumChecker") // from Map.of
  private final Map<String, String> properties;

  @SuppressWarnings("ImmutableEnumChecker") // Spark's, and it is
  private final StructType schema;

  Table(String comment, Map<String, String> properties, Columns columns) {
    this.comment = comment;
    this.properties = properties;
    this.schema = columns.schema();
  }

  /** The table's name, and that of its directory in the warehouse. */
  public String tableName() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** Its columns, with comments. */
  public StructType schema() {
    return schema;
  }

  /** What it is for, in a sentence. */
  public String comment() {
    return comment;
  }

  /** Its columns by name, for select. */
  Column[] columns() {
    return Stream.of(schema.fieldNames()).map(functions::col).toArray(Column[]::new);
  }

  /** Columns that came later than the table; those that it lacks are added to it. */
  Set<String> later() {
    return this == ROUNDS ? Set.of("accumulated") : Set.of();
  }

  /** Columns whose least and greatest values stand in the log; empty: all. */
  List<String> statistics() {
    String columns = properties.get(Property.STATISTICS);
    return columns == null ? List.of() : List.of(columns.split(","));
  }

  /** Properties it is created with. */
  Map<String, String> properties() {
    return properties;
  }

  /** What whoever gives feedback writes. All may be null: outsiders write nonsense. */
  private static Columns feedback() {
    return new Columns()
        .optional("id", StringType, "Unique; the same feedback sent twice has the same id.")
        .optional("turn_id", StringType, "Turn it is about.")
        .optional("kind", StringType, "thumb, score, correction, preference or text.")
        .optional("score", DoubleType, "thumb: 1 or -1; score: any finite number.")
        .optional(
            "text",
            StringType,
            "correction: what would have been right; preference: the better answer; text: the remark.")
        .optional(
            "rejected", StringType, "preference: the worse answer; null: the one that was served.")
        .optional("user", StringType, "Who says so.")
        .optional("created_at", TimestampType, "When it was said.");
  }

  /** Apart, since an enum's own constants come too late for its values. */
  private static final class Property {
    static final String STATISTICS = "delta.dataSkippingStatsColumns";

    /** Small appends by Spark become larger files by and by; ours are compacted by {@link TableUpkeep}. */
    static final String COMPACT = "delta.autoOptimize.autoCompact";
  }

  /** Columns in the order in which they are added. */
  private static final class Columns {
    private final List<StructField> fields = new ArrayList<>();

    Columns required(String name, DataType type, String comment) {
      return add(name, type, false, comment);
    }

    Columns optional(String name, DataType type, String comment) {
      return add(name, type, true, comment);
    }

    private Columns add(String name, DataType type, boolean nullable, String comment) {
      fields.add(new StructField(name, type, nullable, Metadata.empty()).withComment(comment));
      return this;
    }

    StructType schema() {
      return new StructType(fields.toArray(new StructField[0]));
    }
  }
}
