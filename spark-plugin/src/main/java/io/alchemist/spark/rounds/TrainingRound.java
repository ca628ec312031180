package io.alchemist.spark.rounds;

import io.alchemist.engine.HostGradient;
import io.alchemist.feedback.BatchHandler;
import io.alchemist.feedback.FeedbackJoin;
import io.alchemist.feedback.Reason;
import io.alchemist.feedback.RoundLog;
import io.alchemist.feedback.RoundRecord;
import io.alchemist.feedback.RoundRecord.Quarantined;
import io.alchemist.feedback.SortedBatch;
import io.alchemist.feedback.Table;
import io.alchemist.feedback.Tables;
import io.alchemist.feedback.Txn;
import io.alchemist.spark.rounds.RoundObserver.Step;
import io.alchemist.train.GradientReport;
import io.alchemist.train.NonFiniteGradientException;
import io.alchemist.train.Reuse;
import io.alchemist.weights.AdapterData;
import io.alchemist.weights.LoraSpec;
import io.alchemist.weights.ModelConfig;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Turns a micro-batch of feedback into a new version. A round is decided by its one row in the table {@code rounds}, keyed by
 * (query, batch): until that is there nothing has happened, whatever was computed or written; once it is there, everything that
 * follows from it (quarantine, version, publishing) is done, and done again after a crash, and changes nothing the second time.
 * So no feedback is lost or trained twice, wherever the process dies.
 *
 * <p>Called by the thread of the streaming query, one batch after the other.
 */
final class TrainingRound implements BatchHandler {
  private static final Logger LOG = LoggerFactory.getLogger(TrainingRound.class);

  private final Tables tables;
  private final RoundLog rounds;
  private final FeedbackJoin join;
  private final VersionRegistry versions;
  private final RoundJobs jobs;
  private final Gate gate;
  private final HeldOut heldOut;
  private final RoundConfig config;
  private final RoundObserver observer;
  private long nextRound;
  private volatile boolean waiting;
  /** The gradient of the rounds since the last step, where these had too few examples; null: none, or not known yet. */
  private @Nullable HostGradient accumulated;
  /** Feedback of such rounds of an earlier process, whose gradient is taken again. */
  private List<String> owed;
  /** The query whose {@code decidedBatch} is known. */
  private @Nullable String knownQuery;
  /** Batches up to here may have been decided: by an earlier process, or by this one before the stream failed. */
  private long decidedBatch;

  /**
   * Everything a round needs.
   *
   * @param config its numbers
   */
  TrainingRound(
      Tables tables,
      RoundLog rounds,
      FeedbackJoin join,
      VersionRegistry versions,
      RoundJobs jobs,
      Gate gate,
      HeldOut heldOut,
      RoundConfig config,
      RoundObserver observer) {
    this.tables = tables;
    this.rounds = rounds;
    this.join = join;
    this.versions = versions;
    this.jobs = jobs;
    this.gate = gate;
    this.heldOut = heldOut;
    this.config = config;
    this.observer = observer;
    this.nextRound = rounds.nextRound();
    this.owed = rounds.accumulated();
  }

  /**
   * Numbers of a round.
   *
   * @param model shape of the model
   * @param lora shape of the adapter
   * @param steps updates
   * @param minExamples that an update needs
   * @param auditFraction share of rounds that are audited
   */
  record RoundConfig(
      ModelConfig model, LoraSpec lora, int steps, int minExamples, double auditFraction) {}

  @Override
  public void handle(Dataset<Row> batch, String queryId, long batchId) {
    long start = System.nanoTime();
    observer.reached(Step.BEGUN, queryId, batchId);
    RoundRecord decided = decidedBefore(queryId, batchId);
    // Should it come again, because something fails from here on, the table is asked.
    decidedBatch = Math.max(decidedBatch, batchId);
    if (decided != null) {
      LOG.info("Batch {} was decided before, as round {}", batchId, decided.round());
      nextRound = Math.max(nextRound, decided.round() + 1);
      accumulated = null;
      owed = rounds.accumulated();
      follow(decided, batch, RoundTimes.NONE);
    } else {
      decide(batch, queryId, batchId, start);
    }
  }

  private void decide(Dataset<Row> batch, String queryId, long batchId, long start) {
    try (SortedBatch sorted = join.sort(batch, queryId, batchId, System.currentTimeMillis())) {
      observer.reached(Step.SORTED, queryId, batchId);
      if (changesNothing(sorted, queryId)) {
        return;
      }
      Outcome outcome = new Outcome(versions.liveAdapter());
      RoundJobs.Examples examples = train(sorted, outcome);
      if (outcome.gate != RoundRecord.Gate.NOTHING) {
        observer.reached(Step.TRAINED, queryId, batchId);
        judge(outcome);
        observer.reached(Step.JUDGED, queryId, batchId);
      }
      Long candidate = outcome.candidate == null ? null : versions.nextVersion();
      if (candidate != null) {
        versions.write(candidate);
        observer.reached(Step.WRITTEN, queryId, batchId);
      }
      RoundRecord round =
          record(sorted, outcome, queryId, batchId, candidate, (System.nanoTime() - start) / 1e9);
      rounds.append(round);
      nextRound++;
      accumulate(outcome);
      observer.reached(Step.DECIDED, queryId, batchId);
      outcome.heldOut.forEach(gate::hold);
      follow(round, batch, outcome.times);
      if (examples != null && isAudited(round.round())) {
        tryToAudit(round, examples, outcome);
      }
    }
  }

  /** A batch without new rows, in which nothing that waits has got its turn, needs no record: what waits stands in the last. */
  private boolean changesNothing(SortedBatch sorted, String queryId) {
    if (sorted.received() > 0) {
      return false;
    }
    int waitingBefore = rounds.last(queryId).map(last -> last.waiting().size()).orElse(0);
    waiting = waitingBefore > 0;
    return sorted.waiting().size() == waitingBefore;
  }

  /** Whether feedback waits for its turn, so that another batch should come though nothing new does. */
  boolean isWaiting() {
    return waiting;
  }

  /** The outcome of a batch that has been decided before. */
  private @Nullable RoundRecord decidedBefore(String queryId, long batchId) {
    if (!queryId.equals(knownQuery)) {
      decidedBatch = rounds.last(queryId).map(RoundRecord::batchId).orElse(-1L);
      knownQuery = queryId;
    }
    return batchId <= decidedBatch ? rounds.find(queryId, batchId).orElse(null) : null;
  }

  /** What becomes of a batch, while it is being found out. */
  private static final class Outcome {
    private final AdapterData baseAdapter;
    private final List<String> heldOutIds = new ArrayList<>();
    private final List<GateExample> heldOut = new ArrayList<>();
    private final List<Quarantined> refused = new ArrayList<>();
    private RoundRecord.Gate gate = RoundRecord.Gate.NOTHING;
    private @Nullable AdapterData candidate;
    private @Nullable GradientPart first;
    /** Of this round and of those before it that made no step. */
    private @Nullable HostGradient sum;

    private int steps;
    private @Nullable Double gradientNorm;
    private @Nullable Double lossBefore;
    private @Nullable Double lossAfter;
    private RoundTimes times = RoundTimes.NONE;

    /** Of a round that trains from this adapter. */
    Outcome(AdapterData baseAdapter) {
      this.baseAdapter = baseAdapter;
    }
  }

  /** Computes the candidate, if there is anything to train. */
  private RoundJobs.@Nullable Examples train(SortedBatch sorted, Outcome outcome) {
    Dataset<Row> rows = sorted.trainable();
    if (!heldOut.isNone() && !sorted.trainableIds().isEmpty()) {
      for (Row row : rows.where(heldOut.condition()).collectAsList()) {
        outcome.heldOutIds.add(row.getAs("feedback_id"));
        outcome.heldOut.add(HeldOut.example(row));
      }
      rows = rows.where(functions.not(heldOut.condition()));
    }
    if (sorted.trainableIds().size() == outcome.heldOutIds.size()) {
      return null;
    }
    versions.begin();
    RoundJobs.Examples examples = jobs.place(rows);
    long base = versions.liveVersion();
    GradientPart part = jobs.gradientAsServed(examples, base, outcome.baseAdapter, Reuse.LOGGED);
    outcome.first = part;
    for (String[] refused : part.refused()) {
      outcome.refused.add(new Quarantined(refused[0], Reason.UNTRAINABLE, refused[1]));
    }
    if (part.report().examples() == 0) {
      return null;
    }
    HostGradient gradient = sum(part, base, outcome);
    if (gradient.report().examples() < config.minExamples() && gradient.isFinite()) {
      outcome.gate = RoundRecord.Gate.ACCUMULATED;
      outcome.times = new RoundTimes(part.report().tokens(), part.report().busyNanos() / 1e9);
      return examples;
    }
    outcome.gate = RoundRecord.Gate.SKIPPED;
    double busySeconds = 0;
    long tokens = 0;
    try {
      while (true) {
        GradientReport report = part.report();
        busySeconds += report.busyNanos() / 1e9;
        tokens += report.tokens();
        double norm = versions.step(gradient);
        outcome.gradientNorm =
            outcome.gradientNorm == null ? Double.valueOf(norm) : outcome.gradientNorm;
        outcome.steps++;
        outcome.candidate = versions.candidate();
        if (outcome.steps == config.steps()) {
          break;
        }
        part = jobs.gradientAt(examples, base, outcome.candidate);
        gradient = part.gradient(config.model(), config.lora());
      }
    } catch (NonFiniteGradientException e) {
      LOG.warn("A round's gradient is not finite; what it trained is rejected", e);
      outcome.gate = RoundRecord.Gate.REJECTED;
      outcome.candidate = null;
    }
    outcome.times = new RoundTimes(tokens, busySeconds);
    return examples;
  }

  /** The gradient of a round, with those of the rounds before it that made no step. */
  private HostGradient sum(GradientPart part, long base, Outcome outcome) {
    HostGradient own = part.gradient(config.model(), config.lora());
    HostGradient before = accumulated;
    if (before == null && !owed.isEmpty()) {
      Dataset<Row> rows = join.trainable(owed);
      try {
        GradientPart again =
            jobs.gradientAsServed(jobs.place(rows), base, outcome.baseAdapter, Reuse.LOGGED);
        // There is nothing where all was withdrawn.
        before =
            again.report().examples() == 0 ? null : again.gradient(config.model(), config.lora());
      } finally {
        rows.unpersist();
      }
    }
    outcome.sum = before == null ? own : own.plus(before);
    return outcome.sum;
  }

  /** Keeps the gradient of a round that was decided and made no step, and forgets those that a step was made of. */
  private void accumulate(Outcome outcome) {
    if (outcome.gate == RoundRecord.Gate.ACCUMULATED) {
      accumulated = outcome.sum;
      owed = List.of();
    } else if (outcome.steps > 0) {
      accumulated = null;
      owed = List.of();
    }
  }

  private void judge(Outcome outcome) {
    AdapterData candidate = outcome.candidate;
    if (candidate == null) {
      return;
    }
    Gate.Verdict verdict =
        gate.judge(jobs::losses, versions.liveVersion(), outcome.baseAdapter, candidate);
    if (verdict != null) {
      outcome.lossBefore = verdict.before();
      outcome.lossAfter = verdict.after();
      outcome.gate = verdict.passed() ? RoundRecord.Gate.PASSED : RoundRecord.Gate.REJECTED;
    }
  }

  private RoundRecord record(
      SortedBatch sorted,
      Outcome outcome,
      String queryId,
      long batchId,
      @Nullable Long candidate,
      double seconds) {
    Set<String> untrained = new HashSet<>(outcome.heldOutIds);
    outcome.refused.forEach(refused -> untrained.add(Objects.requireNonNull(refused.id())));
    List<Quarantined> quarantined = new ArrayList<>(sorted.quarantined());
    quarantined.addAll(outcome.refused);
    GradientPart first = outcome.first;
    GradientReport report = first == null ? GradientReport.NOTHING : first.report();
    boolean passed =
        outcome.gate == RoundRecord.Gate.PASSED || outcome.gate == RoundRecord.Gate.SKIPPED;
    return new RoundRecord(
        queryId,
        batchId,
        nextRound,
        versions.liveVersion(),
        passed ? candidate : null,
        candidate,
        sorted.trainableIds().stream().filter(id -> !untrained.contains(id)).toList(),
        sorted.counted(),
        outcome.heldOutIds,
        quarantined,
        sorted.waiting(),
        sorted.received(),
        report.examples(),
        outcome.sum == null || outcome.steps == 0
            ? 0
            : outcome.sum.report().examples() - report.examples(),
        outcome.steps,
        report.predictingTokens(),
        report.reusedTokens(),
        report.recomputedTokens(),
        report.examples() == 0 ? null : Double.valueOf(report.meanLoss()),
        outcome.gradientNorm,
        outcome.gate,
        outcome.lossBefore,
        outcome.lossAfter,
        first == null ? 0 : first.executorCount(),
        seconds,
        Instant.now());
  }

  /** Makes true what was decided. */
  private void follow(RoundRecord round, Dataset<Row> batch, RoundTimes times) {
    String query = round.queryId();
    if (!round.quarantined().isEmpty()) {
      tables.append(
          Table.QUARANTINE,
          join.quarantineRows(batch, round),
          new Txn("quarantine-" + query, round.batchId()));
    }
    observer.reached(Step.QUARANTINED, query, round.batchId());
    versions.follow(round, () -> observer.reached(Step.RECORDED, query, round.batchId()));
    observer.reached(Step.PUBLISHED, query, round.batchId());
    waiting = !round.waiting().isEmpty();
    observer.ended(round, times);
  }

  private void tryToAudit(RoundRecord round, RoundJobs.Examples examples, Outcome outcome) {
    try {
      audit(round, examples, outcome);
    } catch (Exception e) { // Spark throws checked ones that it doesn't declare
      if (e instanceof InterruptedException) {
        Thread.currentThread().interrupt();
      }
      LOG.warn("Round {} could not be audited; it stands all the same", round.round(), e);
    }
  }

  private void audit(RoundRecord round, RoundJobs.Examples examples, Outcome outcome) {
    if (outcome.first == null) {
      return;
    }
    // The base of this round is not live any more, but at hand: gradients are taken at it by its
    // number. Both are taken now, at the same versions: publishing this round's may have ended one
    // that was still at hand when it was trained. Which comes first alternates, so that neither has
    // the advantage of what ran before.
    boolean reuseFirst = round.round() % 2 == 0;
    GradientPart one = again(examples, round, outcome, reuseFirst ? Reuse.LOGGED : Reuse.NONE);
    GradientPart two = again(examples, round, outcome, reuseFirst ? Reuse.NONE : Reuse.LOGGED);
    GradientPart reused = reuseFirst ? one : two;
    GradientPart recomputed = reuseFirst ? two : one;
    HostGradient logged = reused.gradient(config.model(), config.lora());
    HostGradient exact = recomputed.gradient(config.model(), config.lora());
    observer.audited(new Audit(
        round.round(),
        reused.report().tokens(),
        reused.report().reusedTokens(),
        reused.report().busyNanos() / 1e9,
        recomputed.report().busyNanos() / 1e9,
        logged.relativeError(exact),
        logged.cosine(exact)));
  }

  private GradientPart again(
      RoundJobs.Examples examples, RoundRecord round, Outcome outcome, Reuse reuse) {
    return jobs.gradientAsServed(examples, round.fromVersion(), outcome.baseAdapter, reuse);
  }

  /** The first one, and from then on spread evenly. */
  private boolean isAudited(long round) {
    double fraction = config.auditFraction();
    return Math.floor((round - 1) * fraction) > Math.floor((round - 2) * fraction);
  }
}
