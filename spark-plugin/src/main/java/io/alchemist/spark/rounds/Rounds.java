package io.alchemist.spark.rounds;

import io.alchemist.engine.AdapterOptimizer;
import io.alchemist.feedback.BatchHandler;
import io.alchemist.feedback.FeedbackJoin;
import io.alchemist.feedback.RoundLog;
import io.alchemist.feedback.Tables;
import io.alchemist.feedback.VersionLog;
import io.alchemist.spark.conf.AlchemistConf;
import io.alchemist.spark.fleet.Fleet;
import io.alchemist.weights.ModelConfig;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/** The rounds of a job, with all they need. Thread-safe, but for {@link #open}, which comes first. */
public final class Rounds {
  private final Tables tables;
  private final RoundLog log;
  private final VersionRegistry versions;
  private final Gate gate;
  private final HeldOut heldOut;
  private final int maxGateExamples;
  private final TrainingRound round;
  private final AtomicLong handled = new AtomicLong();

  /** From a job's settings. Owns nothing. */
  public Rounds(
      SparkSession session,
      SparkConf conf,
      Tables tables,
      RoundLog log,
      VersionLog versionLog,
      FeedbackJoin join,
      Fleet fleet,
      ModelConfig model,
      AdapterOptimizer optimizer,
      RoundObserver observer) {
    JavaSparkContext spark = new JavaSparkContext(session.sparkContext());
    Configuration hadoop = session.sparkContext().hadoopConfiguration();
    this.tables = tables;
    this.log = log;
    this.maxGateExamples = AlchemistConf.GATE_MAX_EXAMPLES.in(conf);
    this.heldOut = new HeldOut(AlchemistConf.GATE_HOLDOUT.in(conf));
    this.gate = new Gate(
        hadoop,
        AlchemistConf.GATE_EXAMPLES.in(conf),
        maxGateExamples,
        AlchemistConf.GATE_TOLERANCE.in(conf));
    AdapterStore store = new AdapterStore(
        hadoop, AlchemistConf.WAREHOUSE.in(conf), model, AlchemistConf.MODEL.in(conf));
    this.versions =
        new VersionRegistry(spark, versionLog, fleet, store, optimizer, observer::version);
    this.round = new TrainingRound(
        tables,
        log,
        join,
        versions,
        new RoundJobs(spark, fleet, Duration.ofMillis(AlchemistConf.START_TIMEOUT.in(conf))),
        gate,
        heldOut,
        new TrainingRound.RoundConfig(
            model,
            AlchemistConf.lora(conf),
            AlchemistConf.STEPS.in(conf),
            AlchemistConf.MIN_EXAMPLES.in(conf),
            AlchemistConf.AUDIT_FRACTION.in(conf)),
        observer);
  }

  /** Goes on where the tables say that the last job was; from now on the executors are told what to serve. */
  public void open() {
    versions.open(log.newest().orElse(null));
    if (!heldOut.isNone()) {
      for (Row row : HeldOut.earlier(tables, log, maxGateExamples)) {
        gate.hold(HeldOut.example(row));
      }
    }
  }

  /** What turns a micro-batch into a round. */
  public BatchHandler handler() {
    return (batch, queryId, batchId) -> {
      round.handle(batch, queryId, batchId);
      handled.accumulateAndGet(batchId + 1, Math::max);
    };
  }

  /** Micro-batches that have been dealt with; one that comes again is not counted again. */
  public long handled() {
    return handled.get();
  }

  /** Whether feedback waits for its turn. */
  public boolean isWaiting() {
    return round.isWaiting();
  }

  /** The version that is served. */
  public long liveVersion() {
    return versions.liveVersion();
  }

  /** Where the adapter of a version lies, a PEFT directory. */
  public String adapterPath(long version) {
    return versions.path(version);
  }
}
