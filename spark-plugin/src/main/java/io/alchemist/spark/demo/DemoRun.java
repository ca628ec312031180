package io.alchemist.spark.demo;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;

/**
 * One demo from the first exam to the report: exam, users chatting while rounds train, small exams between, and the same exam at
 * the end. Bounded in time. Used once, by one thread.
 */
public final class DemoRun {
  private static final long POLL_MILLIS = 250;
  private static final int SMALL_EXAM_CHANGED = 26;
  private static final int SMALL_EXAM_OTHER = 44;
  /** Feedback on its way is waited for no longer than so many quiet times. */
  private static final int MAX_QUIET_TIMES = 4;

  private final DemoConfig config;
  private final Scenario scenario;
  private final ChatClient client;
  private final FeedbackTable table;
  private final Progress progress;
  private final PrintWriter out;
  private final Exam exam;
  private final List<DemoQuestion> smallChanged;
  private final List<DemoQuestion> smallOther;
  private final List<RoundLine> rounds = new ArrayList<>();
  private double accuracySoFar = Double.NaN;

  /**
   * A demo against a server that is ready.
   *
   * @param client of the server's address
   * @param table where the system outside appends feedback
   * @param progress tells of rounds
   * @param out the console
   */
  public DemoRun(
      DemoConfig config,
      Scenario scenario,
      ChatClient client,
      FeedbackTable table,
      Progress progress,
      PrintWriter out) {
    this.config = config;
    this.scenario = scenario;
    this.client = client;
    this.table = table;
    this.progress = progress;
    this.out = out;
    this.exam = new Exam(client, scenario, config.examConcurrency());
    this.smallChanged = Exam.sample(scenario.changedExam(), SMALL_EXAM_CHANGED);
    this.smallOther = Exam.sample(scenario.otherExam(), SMALL_EXAM_OTHER);
  }

  /**
   * Runs it.
   *
   * @throws IOException when an exam can't be held
   */
  public DemoReport run() throws IOException, InterruptedException {
    long start = System.nanoTime();
    say(scenario.summary());
    Score changedBefore = exam.ask(scenario.changedExam());
    Score otherBefore = exam.ask(scenario.otherExam());
    accuracySoFar = changedBefore.accuracy();
    say(
        "Before: %s right on what has changed, %s on everything else",
        DemoReport.percent(changedBefore.accuracy()), DemoReport.percent(otherBefore.accuracy()));
    SimulatedUsers users = new SimulatedUsers(config.users(), scenario, client, table);
    try (users) {
      users.start();
      chat(otherBefore.accuracyOn(smallOther));
    }
    settle(users.counts().sent());
    Score changedAfter = exam.ask(scenario.changedExam());
    Score otherAfter = exam.ask(scenario.otherExam());
    tellRounds();
    say(
        "After: %s right on what has changed, %s on everything else",
        DemoReport.percent(changedAfter.accuracy()), DemoReport.percent(otherAfter.accuracy()));
    return report(changedBefore, changedAfter, otherBefore, otherAfter, users, secondsSince(start));
  }

  /** Until the goal is reached or time is up. */
  private void chat(double otherBefore) throws IOException, InterruptedException {
    long start = System.nanoTime();
    long lastExam = start;
    int roundsAtExam = 0;
    while (secondsSince(start) < config.maxChatSeconds()) {
      TimeUnit.MILLISECONDS.sleep(POLL_MILLIS);
      tellRounds();
      if (secondsSince(lastExam) < config.examEverySeconds() || rounds.size() == roundsAtExam) {
        continue;
      }
      roundsAtExam = rounds.size();
      double changed = exam.ask(smallChanged).accuracy();
      double other = exam.ask(smallOther).accuracy();
      lastExam = System.nanoTime();
      accuracySoFar = changed;
      tellRounds();
      say(
          "Exam after round %d: %s right on what has changed, %s on everything else",
          rounds.get(roundsAtExam - 1).round(),
          DemoReport.percent(changed),
          DemoReport.percent(other));
      if (changed >= config.goal().changedAccuracy()
          && otherBefore - other <= config.goal().otherLoss() + DemoReport.ROUNDING) {
        return;
      }
    }
  }

  /** Waits for rounds that take what was sent last: the last exam must not be held in the middle of a change. */
  private void settle(long sent) throws InterruptedException {
    long lastRound = System.nanoTime();
    long start = lastRound;
    while (received() < sent
        && secondsSince(lastRound) < config.quietSeconds()
        && secondsSince(start) < MAX_QUIET_TIMES * config.quietSeconds()) {
      TimeUnit.MILLISECONDS.sleep(POLL_MILLIS);
      if (tellRounds()) {
        lastRound = System.nanoTime();
      }
    }
  }

  private long received() {
    return rounds.stream().mapToLong(RoundLine::received).sum();
  }

  /** Prints rounds not yet told of; whether there were any. */
  private boolean tellRounds() {
    long last = rounds.isEmpty() ? 0 : rounds.get(rounds.size() - 1).round();
    List<RoundLine> more = progress.roundsAfter(last);
    for (RoundLine round : more) {
      rounds.add(round);
      say(
          "Round %3d: version %d%s, loss %s, %d examples, %d prompt tokens reused, %d recomputed, %d quarantined, %.1f s; accuracy so far %s",
          round.round(),
          round.version(),
          round.published() ? "" : " stays",
          Double.isNaN(round.loss()) ? "-" : String.format(Locale.ROOT, "%.3f", round.loss()),
          round.examples(),
          round.reusedTokens(),
          round.recomputedTokens(),
          round.quarantined(),
          round.seconds(),
          DemoReport.percent(accuracySoFar));
    }
    return !more.isEmpty();
  }

  private DemoReport report(
      Score changedBefore,
      Score changedAfter,
      Score otherBefore,
      Score otherAfter,
      SimulatedUsers users,
      double seconds) {
    long reused = 0;
    long recomputed = 0;
    for (RoundLine round : rounds) {
      reused += round.reusedTokens();
      recomputed += round.recomputedTokens();
    }
    return new DemoReport(
        changedBefore.accuracy(),
        changedAfter.accuracy(),
        otherBefore.accuracy(),
        otherAfter.accuracy(),
        rounds.size(),
        rounds.stream().filter(RoundLine::published).count(),
        received(),
        rounds.stream().mapToLong(RoundLine::trained).sum(),
        rounds.stream().mapToLong(RoundLine::quarantined).sum(),
        (double) reused / (reused + recomputed),
        progress.reuse().tokensPerSecond(),
        progress.recompute().tokensPerSecond(),
        progress.gradientError(),
        users.firstTokenMillis().p50(),
        users.firstTokenMillis().p99(),
        users.perTokenMillis().p50(),
        users.perTokenMillis().p99(),
        seconds,
        users.counts(),
        progress.peakBytes(),
        progress.places());
  }

  private void say(String format, Object... values) {
    out.println(values.length == 0 ? format : String.format(Locale.ROOT, format, values));
    out.flush();
  }

  private static double secondsSince(long nanos) {
    return (System.nanoTime() - nanos) / 1e9;
  }
}
