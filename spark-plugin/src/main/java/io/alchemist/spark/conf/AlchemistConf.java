package io.alchemist.spark.conf;

import io.alchemist.weights.LinearLayer;
import io.alchemist.weights.LoraSpec;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.apache.spark.SparkConf;
import scala.Tuple2;

/**
 * All settings of Alchemist, each declared once. They are read when the job starts and don't change while it runs.
 * {@code docs/configuration.md} is made from this class.
 */
public final class AlchemistConf {
  /** What every key begins with. */
  public static final String PREFIX = "spark.alchemist.";

  private static final int MAX_PORT = 65_535;

  private static final List<ConfEntry<?>> ALL = new ArrayList<>();

  // ---- what and where

  public static final ConfEntry<String> MODEL = add(
      ConfEntry.path(
          PREFIX + "model",
          null,
          "The model: a Hugging Face directory or a GGUF file of the Llama family, under the same path on every machine."));
  public static final ConfEntry<String> WAREHOUSE = add(
      ConfEntry.path(
          PREFIX + "warehouse",
          "alchemist-warehouse",
          "Where the tables, the adapters and the stream's checkpoint lie: a path or URI that driver and executors share."));
  public static final ConfEntry<Integer> MIN_EXECUTORS = add(ConfEntry.integer(
      PREFIX + "executors.min",
      1,
      1,
      "The job begins when so many executors serve. It fails at once when an executor's engine can't start, and when too few"
          + " serve within executors.startTimeout."));
  public static final ConfEntry<Long> START_TIMEOUT = add(ConfEntry.millis(
      PREFIX + "executors.startTimeout",
      "5min",
      "How long executors may take to load the model and report."));
  public static final ConfEntry<Long> DRAIN_TIMEOUT = add(
      ConfEntry.millis(
          PREFIX + "executors.drainTimeout",
          "30s",
          "How long answers under way may go on when an executor stops, and the round under way when the job does. At the job's end"
              + " the router waits half a minute for its own first, so an end takes twice this and two minutes at most."));

  // ---- memory and threads of an executor's engine

  public static final ConfEntry<Integer> THREADS = add(ConfEntry.integer(
      PREFIX + "engine.threads",
      0,
      0,
      "CPU threads of an executor's engine, which Spark's tasks share. 0 takes spark.executor.cores; where that isn't set, 1 on"
          + " YARN and Kubernetes as Spark does, else all that the machine has."));
  public static final ConfEntry<Long> DEVICE_MEMORY = add(ConfEntry.bytes(
      PREFIX + "memory.device",
      "1g",
      "Memory of the engine for weights, keys and values, activations and training. On the CPU it is direct memory of the"
          + " executor's JVM: -XX:MaxDirectMemorySize must allow it and memory.host together."));
  public static final ConfEntry<Long> HOST_MEMORY = add(
      ConfEntry.bytes(
          PREFIX + "memory.host",
          "512m",
          "Most host memory for activations that left the device. They are blocks of Spark's block manager, within"
              + " spark.memory.offHeap.size, which SQL may take back. 0, or off-heap memory not enabled: none."));
  public static final ConfEntry<Long> DISK_MEMORY = add(ConfEntry.bytes(
      PREFIX + "memory.disk",
      "2g",
      "Most disk, in spark.local.dir, for activations that left host memory; 0 for none."));

  // ---- serving

  public static final ConfEntry<String> SERVE_HOST = add(ConfEntry.text(
      PREFIX + "serve.host",
      "",
      "Address that an executor's API server binds; empty for the address by which Spark knows the executor. There is no"
          + " authentication: only the router needs to reach it."));
  public static final ConfEntry<Integer> SERVE_PORT = add(
      ConfEntry.integer(
          PREFIX + "serve.port",
          0,
          0,
          MAX_PORT,
          "Port of an executor's API server; 0 takes any free one. With a fixed port there can be one executor per host."));
  public static final ConfEntry<Long> FIRST_TOKEN_TARGET = add(ConfEntry.millis(
      PREFIX + "serve.firstTokenTarget",
      "500ms",
      "Time from a request to the first token of its answer. Training waits until prefill has finished; once half its"
          + " patience is over it takes what this target leaves."));
  public static final ConfEntry<Long> PER_TOKEN_TARGET = add(
      ConfEntry.millis(
          PREFIX + "serve.perTokenTarget",
          "50ms",
          "Time from one token of an answer to the next, each and on the average of an answer; training gets what it leaves."));
  public static final ConfEntry<Long> TRAINING_PATIENCE = add(
      ConfEntry.millis(
          PREFIX + "serve.trainingPatience",
          "2s",
          "After so long without a slice, training takes one all the same: it goes on, slowly, under any load."));
  public static final ConfEntry<Double> TRAINING_SHARE = add(
      ConfEntry.number(
          PREFIX + "serve.trainingShare",
          0.1,
          0,
          1,
          "The most of an executor's time that training takes while answers are computed, where the targets leave more: more"
              + " trains faster and makes each answer slower. Beside more answers than a quarter of those that an executor computes at a"
              + " time it takes none. 0 trains only while nobody is served, but for a slice after trainingPatience; 1 takes all that the targets leave, however many there are."));
  public static final ConfEntry<String> ROUTER_HOST = add(ConfEntry.text(
      PREFIX + "router.host",
      "127.0.0.1",
      "Address that the router on the driver binds, the one that clients talk to. There is no authentication: bind 0.0.0.0"
          + " only where just those reach it who may ask."));
  public static final ConfEntry<Integer> ROUTER_PORT = add(ConfEntry.integer(
      PREFIX + "router.port", 8080, 0, MAX_PORT, "Port of the router; 0 takes any free one."));
  public static final ConfEntry<Long> TURN_INTERVAL = add(ConfEntry.millis(
      PREFIX + "turns.interval",
      "2s",
      10,
      "How often the driver fetches answered turns and posted feedback from the executors and commits them. A turn is in"
          + " its table, and a posted feedback confirmed, after about this time and that of a commit. A poster waits half a minute at"
          + " most, so keep it well below."));

  // ---- feedback

  public static final ConfEntry<Long> FEEDBACK_WAIT = add(ConfEntry.millis(
      PREFIX + "feedback.wait",
      "10min",
      "How long feedback waits for its turn to become known before it goes to quarantine."));
  public static final ConfEntry<Integer> FEEDBACK_MAX_WAITING = add(ConfEntry.integer(
      PREFIX + "feedback.maxWaiting", 10_000, 0, "Most feedback that waits for its turn."));
  public static final ConfEntry<Integer> FEEDBACK_MAX_CHARS = add(
      ConfEntry.integer(
          PREFIX + "feedback.maxChars",
          32_768,
          1,
          "Longest text of a feedback, in characters; longer ones go to quarantine, also those posted over HTTP, which takes more."));

  // ---- training

  public static final ConfEntry<Integer> LORA_RANK = add(
      ConfEntry.integer(PREFIX + "lora.rank", 16, 1, 1024, "Rank of the adapter that is trained."));
  public static final ConfEntry<Double> LORA_ALPHA = add(ConfEntry.number(
      PREFIX + "lora.alpha", 32, 1e-6, 1e6, "Strength of the adapter; alpha / rank scales it."));
  public static final ConfEntry<String> LORA_TARGETS = add(ConfEntry.text(
      PREFIX + "lora.targets",
      "gate_proj,up_proj,down_proj",
      "The linear layers that carry an adapter, separated by commas."));
  public static final ConfEntry<Integer> LORA_SEED = add(ConfEntry.integer(
      PREFIX + "lora.seed",
      1,
      0,
      "Seed of the adapter's first values; the same on every executor."));
  public static final ConfEntry<Double> LEARNING_RATE = add(
      ConfEntry.number(
          PREFIX + "train.learningRate",
          0.0002,
          1e-9,
          1,
          "Learning rate of AdamW. A higher one learns in fewer rounds and forgets more of what was not asked about."));
  public static final ConfEntry<Integer> STEPS = add(ConfEntry.integer(
      PREFIX + "train.stepsPerRound",
      4,
      1,
      "Updates a round makes with its feedback. The first starts from what serving logged; the others are at new weights,"
          + " hence recomputed."));
  public static final ConfEntry<Integer> MIN_EXAMPLES = add(
      ConfEntry.integer(
          PREFIX + "train.minExamplesPerStep",
          1,
          1,
          "Examples that an update needs. The gradients of rounds with fewer are accumulated, each as soon as its feedback is there,"
              + " and the round that makes up the number takes the step. More than 1 goes with one step per round only."));
  public static final ConfEntry<Integer> MICRO_BATCH = add(ConfEntry.integer(
      PREFIX + "train.microBatchTokens",
      2048,
      16,
      "Tokens of one training pass, and so the longest example: prompt and answer."));
  public static final ConfEntry<Long> ROUND_INTERVAL = add(ConfEntry.millis(
      PREFIX + "round.interval",
      "10s",
      "How often new feedback makes up a round, at most; 0 as soon as the last one has ended."));
  public static final ConfEntry<Integer> ROUND_MAX_FILES = add(ConfEntry.integer(
      PREFIX + "round.maxFiles",
      1_000,
      1,
      "Most files of the feedback table that one round reads; the rest makes up the next."));

  // ---- gate

  public static final ConfEntry<String> GATE_EXAMPLES = add(ConfEntry.text(
      PREFIX + "gate.examples",
      "",
      "A JSON-lines file of examples that a new version must not get worse at, each {\"messages\": [...], \"answer\":"
          + " \"...\"}; empty for none."));
  public static final ConfEntry<Double> GATE_HOLDOUT = add(
      ConfEntry.number(
          PREFIX + "gate.holdoutFraction",
          0,
          0,
          0.5,
          "Share of conversations whose feedback is never trained but kept for the gate, at most 0.5."));
  public static final ConfEntry<Integer> GATE_MAX_EXAMPLES = add(ConfEntry.integer(
      PREFIX + "gate.maxExamples",
      64,
      1,
      "Most examples the gate looks at: the newest held-out ones, and as many of the file."));
  public static final ConfEntry<Double> GATE_TOLERANCE = add(
      ConfEntry.number(
          PREFIX + "gate.tolerance",
          0.1,
          0,
          Double.MAX_VALUE,
          "By how much the mean loss on the gate's examples may rise, in nats per token; beyond, the version is rejected."));

  // ---- reuse

  public static final ConfEntry<Integer> MAX_STALENESS = add(ConfEntry.integer(
      PREFIX + "reuse.maxStaleness",
      24,
      0,
      "Adapter versions kept besides the live one: what was served at one of them is trained on exactly and without its"
          + " forward pass; what is older is recomputed."));
  public static final ConfEntry<Double> AUDIT_FRACTION = add(
      ConfEntry.number(
          PREFIX + "reuse.auditFraction",
          0.01,
          0,
          1,
          "Share of rounds whose first gradient is also fully recomputed, to measure what reuse saves and that it is exact."));
  public static final ConfEntry<Double> RECORD_FRACTION = add(
      ConfEntry.number(
          PREFIX + "reuse.recordFraction",
          1.0,
          0,
          1,
          "Share of requests whose activations are recorded at all, chosen by a hash of their ids. Of these, when memory is short,"
              + " those are kept on which feedback is most to be expected. Of a request with \"store\": false nothing is, in no table either."));

  private AlchemistConf() {}

  private static <T> ConfEntry<T> add(ConfEntry<T> entry) {
    ALL.add(entry);
    return entry;
  }

  /** All settings, in the order of their declaration. */
  public static List<ConfEntry<?>> all() {
    return List.copyOf(ALL);
  }

  /**
   * Reads every setting once, so that a bad one is told at the start.
   *
   * @return what is set, by key
   * @throws IllegalArgumentException naming the first value that makes no sense, or a key that doesn't exist
   */
  public static Map<String, String> check(SparkConf conf) {
    Set<String> known = ALL.stream().map(ConfEntry::key).collect(Collectors.toSet());
    Map<String, String> set = new TreeMap<>();
    for (Tuple2<String, String> entry : conf.getAll()) {
      if (entry._1().startsWith(PREFIX)) {
        if (!known.contains(entry._1())) {
          throw new IllegalArgumentException(
              entry._1() + " is no setting of Alchemist. Did you mean " + nearest(entry._1())
                  + "? docs/configuration.md lists all.");
        }
        set.put(entry._1(), entry._2());
      }
    }
    ALL.forEach(entry -> entry.in(conf));
    lora(conf);
    if (MIN_EXAMPLES.in(conf) > 1 && STEPS.in(conf) > 1) {
      throw new IllegalArgumentException(
          MIN_EXAMPLES.key() + " = " + MIN_EXAMPLES.in(conf) + " needs "
              + STEPS.key() + " = 1, not " + STEPS.in(conf)
              + ": accumulated gradients make one step, others would see the last round's examples only.");
    }
    return set;
  }

  private static String nearest(String key) {
    return ALL.stream()
        .map(ConfEntry::key)
        .min((a, b) -> Integer.compare(distance(key, a), distance(key, b)))
        .orElse("");
  }

  /** The edit distance of Levenshtein. */
  private static int distance(String a, String b) {
    int[] row = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      row[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int replaced = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(replaced, Math.min(row[j], row[j - 1]) + 1);
      }
    }
    return row[b.length()];
  }

  /** The adapter's shape. */
  public static LoraSpec lora(SparkConf conf) {
    Set<LinearLayer> targets = EnumSet.noneOf(LinearLayer.class);
    for (String name : LORA_TARGETS.in(conf).split(",", -1)) {
      try {
        targets.add(LinearLayer.named(name.trim()));
      } catch (IllegalArgumentException e) {
        throw new IllegalArgumentException(LORA_TARGETS.key() + ": " + e.getMessage(), e);
      }
    }
    return new LoraSpec(LORA_RANK.in(conf), LORA_ALPHA.in(conf).floatValue(), targets);
  }
}
