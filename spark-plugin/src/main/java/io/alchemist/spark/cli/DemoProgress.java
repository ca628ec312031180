package io.alchemist.spark.cli;

import io.alchemist.feedback.RoundRecord;
import io.alchemist.feedback.Table;
import io.alchemist.spark.ContinualLearning;
import io.alchemist.spark.demo.Progress;
import io.alchemist.spark.demo.RoundLine;
import io.alchemist.spark.fleet.ExecutorReport;
import io.alchemist.spark.fleet.Member;
import io.alchemist.spark.rounds.Audit;
import io.alchemist.spark.rounds.RoundObserver;
import io.alchemist.spark.rounds.RoundTimes;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Notes what the job's rounds do, for the demo's console and report. Thread-safe. */
final class DemoProgress implements RoundObserver, Progress {
  private final List<RoundLine> rounds = new ArrayList<>();
  private final Map<String, Long> peaks = new LinkedHashMap<>();
  private final Map<String, String> places = new LinkedHashMap<>();
  private Work reuse = Work.NONE;
  private Work recompute = Work.NONE;
  private double worstError = Double.NaN;
  private @Nullable ContinualLearning job;

  /** Where the job keeps things, and whom to ask for its memory. */
  synchronized void follow(ContinualLearning followed, Path warehouse) {
    job = followed;
    places.put("Tables", warehouse.toString());
    places.put("Feedback table", followed.tables().path(Table.FEEDBACK));
  }

  @Override
  public void reached(Step step, String queryId, long batchId) {
    notePeaks();
  }

  @Override
  public synchronized void ended(RoundRecord round, RoundTimes times) {
    Long live = round.toVersion();
    Double loss = round.loss();
    rounds.add(new RoundLine(
        round.round(),
        round.fromVersion(),
        live == null ? round.fromVersion() : live,
        round.received(),
        round.trained().size(),
        round.quarantined().size(),
        round.examples(),
        loss == null ? Double.NaN : loss,
        round.reusedTokens(),
        round.recomputedTokens(),
        round.seconds()));
    ContinualLearning running = job;
    if (live != null && running != null) {
      places.put("Adapter", running.adapterPath(live));
    }
  }

  @Override
  public synchronized void audited(Audit audit) {
    reuse = reuse.plus(new Work(audit.tokens(), audit.reuseSeconds()));
    recompute = recompute.plus(new Work(audit.tokens(), audit.recomputeSeconds()));
    worstError = Double.isNaN(worstError)
        ? audit.relativeError()
        : Math.max(worstError, audit.relativeError());
  }

  private synchronized void notePeaks() {
    ContinualLearning running = job;
    if (running == null) {
      return;
    }
    long device = 0;
    long host = 0;
    long disk = 0;
    for (Member member : running.fleet().members()) {
      ExecutorReport report = member.report();
      device += report.activationDeviceBytes();
      host += report.activationHostBytes();
      disk += report.activationDiskBytes();
    }
    peaks.merge("device", device, Math::max);
    peaks.merge("host", host, Math::max);
    peaks.merge("disk", disk, Math::max);
  }

  @Override
  public synchronized List<RoundLine> roundsAfter(long round) {
    return rounds.stream().filter(line -> line.round() > round).toList();
  }

  @Override
  public synchronized Work reuse() {
    return reuse;
  }

  @Override
  public synchronized Work recompute() {
    return recompute;
  }

  @Override
  public synchronized double gradientError() {
    return worstError;
  }

  @Override
  public synchronized Map<String, Long> peakBytes() {
    return new LinkedHashMap<>(peaks);
  }

  @Override
  public synchronized Map<String, String> places() {
    return new LinkedHashMap<>(places);
  }
}
