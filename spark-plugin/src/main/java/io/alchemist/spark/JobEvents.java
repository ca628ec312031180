package io.alchemist.spark;

import io.alchemist.feedback.RoundRecord;
import io.alchemist.feedback.VersionRecord;
import io.alchemist.spark.fleet.ExecutorReport;
import io.alchemist.spark.fleet.Fleet;
import io.alchemist.spark.fleet.Member;
import io.alchemist.spark.internal.ListenerBus;
import io.alchemist.spark.rounds.Audit;
import io.alchemist.spark.rounds.RoundTimes;
import io.alchemist.spark.ui.AuditEvent;
import io.alchemist.spark.ui.ExecutorView;
import io.alchemist.spark.ui.FleetEvent;
import io.alchemist.spark.ui.RoundEvent;
import io.alchemist.spark.ui.StartedEvent;
import io.alchemist.spark.ui.VersionEvent;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.spark.SparkContext;

/** Tells Spark's listeners, and so its UI and event log, what happens. Thread-safe. */
final class JobEvents {
  private static final long FLEET_NANOS = TimeUnit.SECONDS.toNanos(5);

  private final SparkContext context;
  private long fleetToldNanos = System.nanoTime() - FLEET_NANOS;
  private List<Member.State> toldStates = List.of();

  JobEvents(SparkContext context) {
    this.context = context;
  }

  void started(String model, String router, String warehouse, Map<String, String> settings) {
    ListenerBus.post(
        context, new StartedEvent(System.currentTimeMillis(), model, router, warehouse, settings));
  }

  /** Every few seconds, and at once when an executor's state has changed: event logs shall not grow without need. */
  synchronized void fleet(Fleet fleet) {
    List<Member> members = fleet.members();
    List<Member.State> states = members.stream().map(Member::state).toList();
    long now = System.nanoTime();
    if (now - fleetToldNanos < FLEET_NANOS && states.equals(toldStates)) {
      return;
    }
    fleetToldNanos = now;
    toldStates = states;
    ListenerBus.post(
        context,
        new FleetEvent(
            System.currentTimeMillis(), members.stream().map(JobEvents::view).toList()));
  }

  private static ExecutorView view(Member member) {
    ExecutorReport report = member.report();
    return new ExecutorView(
        member.executorId(),
        member.host(),
        member.port() == 0 ? "" : "http://" + member.host() + ":" + member.port(),
        member.state().name(),
        member.detail(),
        member.device(),
        report.version(),
        report.running(),
        report.waiting(),
        report.requests(),
        report.promptTokens(),
        report.completionTokens(),
        report.firstTokenMillisP50(),
        report.firstTokenMillisP99(),
        report.perTokenMillisP50(),
        report.perTokenMillisP99(),
        report.kvBytes(),
        report.activationDeviceBytes(),
        report.activationHostBytes(),
        report.activationDiskBytes(),
        report.deviceBytes(),
        report.devicePeakBytes(),
        report.devicePlannedBytes(),
        report.trainerPeakBytes(),
        report.stepError(),
        report.sliceError());
  }

  void audited(Audit audit) {
    ListenerBus.post(
        context,
        new AuditEvent(
            audit.round(),
            audit.tokens(),
            audit.reusedTokens(),
            audit.reuseSeconds(),
            audit.recomputeSeconds(),
            audit.relativeError(),
            audit.cosine(),
            System.currentTimeMillis()));
  }

  void version(VersionRecord version) {
    String path = version.path();
    String query = version.queryId();
    ListenerBus.post(
        context,
        new VersionEvent(
            version.version(),
            version.parent(),
            version.status().name(),
            path == null ? "" : path,
            query == null ? "" : query,
            version.batchId(),
            version.examples(),
            version.loss(),
            version.at().toEpochMilli()));
  }

  void round(RoundRecord round, RoundTimes times) {
    ListenerBus.post(
        context,
        new RoundEvent(
            round.round(),
            round.queryId(),
            round.batchId(),
            round.fromVersion(),
            round.toVersion(),
            round.steps(),
            round.examples(),
            round.received(),
            round.trained().size(),
            round.counted().size(),
            round.heldOut().size(),
            round.quarantined().size(),
            round.waiting().size(),
            round.loss(),
            round.gradientNorm(),
            round.gate().name(),
            round.gateLossBefore(),
            round.gateLossAfter(),
            round.predictingTokens(),
            round.reusedTokens(),
            round.recomputedTokens(),
            times.tokensPerSecond(),
            round.executors(),
            round.seconds(),
            round.finishedAt().toEpochMilli()));
  }
}
