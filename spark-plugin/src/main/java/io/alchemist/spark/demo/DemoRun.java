package io.alchemist.spark.demo;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;

/**
 * One demo from the first exam to the report: exam, users chatting while rounds train, small exams between, and the same exam at
 * the end. What a small exam has shown may be gone after the rounds that were still to come: then users come again, while there
 * is time. Bounded in time. Used once, by one thread.
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
  private final UserFigures figures = new UserFigures();
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
    say("Before: %s", rightOn(changedBefore, otherBefore));
    long chatStart = System.nanoTime();
    UsersConfig users = config.users();
    Score changedAfter;
    Score otherAfter;
    while (true) {
      chat(users, chatStart, otherBefore.accuracyOn(smallOther));
      settle(figures.counts().sent());
      changedAfter = exam.ask(scenario.changedExam());
      otherAfter = exam.ask(scenario.otherExam());
      accuracySoFar = changedAfter.accuracy();
      tellRounds();
      boolean enough = DemoReport.isLearnt(changedAfter.accuracy())
          && DemoReport.isKept(otherBefore.accuracy(), otherAfter.accuracy());
      if (enough || secondsSince(chatStart) >= config.maxChatSeconds()) {
        break;
      }
      say("After the last round: %s; users come again", rightOn(changedAfter, otherAfter));
      users = users.again();
    }
    say("After: %s", rightOn(changedAfter, otherAfter));
    return report(changedBefore, changedAfter, otherBefore, otherAfter, secondsSince(start));
  }

  /** Users chat until the goal is reached or time is up. */
  private void chat(UsersConfig config, long chatStart, double otherBefore)
      throws IOException, InterruptedException {
    SimulatedUsers users = new SimulatedUsers(config, scenario, client, table, figures);
    try (users) {
      users.start();
      awaitGoal(chatStart, otherBefore);
    }
  }

  private void awaitGoal(long chatStart, double otherBefore)
      throws IOException, InterruptedException {
    long lastExam = System.nanoTime();
    int roundsAtExam = rounds.size();
    while (secondsSince(chatStart) < config.maxChatSeconds()) {
      TimeUnit.MILLISECONDS.sleep(POLL_MILLIS);
      tellRounds();
      if (secondsSince(lastExam) < config.examEverySeconds() || rounds.size() == roundsAtExam) {
        continue;
      }
      roundsAtExam = rounds.size();
      Score changed = exam.ask(smallChanged);
      Score other = exam.ask(smallOther);
      lastExam = System.nanoTime();
      accuracySoFar = changed.accuracy();
      tellRounds();
      say("Exam after round %d: %s", rounds.get(roundsAtExam - 1).round(), rightOn(changed, other));
      if (changed.accuracy() >= config.goal().changedAccuracy()
          && otherBefore - other.accuracy() <= config.goal().otherLoss() + DemoReport.ROUNDING) {
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
        figures.firstTokenMillis.p50(),
        figures.firstTokenMillis.p99(),
        figures.perTokenMillis.p50(),
        figures.perTokenMillis.p99(),
        seconds,
        figures.counts(),
        progress.peakBytes(),
        progress.places());
  }

  private static String rightOn(Score changed, Score other) {
    return DemoReport.percent(changed.accuracy()) + " right on what has changed, "
        + DemoReport.percent(other.accuracy()) + " on everything else";
  }

  private void say(String format, Object... values) {
    out.println(values.length == 0 ? format : String.format(Locale.ROOT, format, values));
    out.flush();
  }

  private static double secondsSince(long nanos) {
    return (System.nanoTime() - nanos) / 1e9;
  }
}
