package io.alchemist.engine;

import io.alchemist.activation.TimeModel;
import io.alchemist.serve.Demand;
import io.alchemist.serve.Server.StepReport;
import io.alchemist.train.Slice;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Decides whether a slice of training may run before the next step of serving. It learns how long steps and slices take, and
 * knows when each answer's next token is due. Engine thread.
 *
 * <ul>
 *   <li>While any prompt waits or is prefilled, training waits until that has finished, not merely begun.
 *   <li>Where answers are decoded, a slice runs if by prediction the next token of each is still in time after it: both since
 *       the one before and on the average of the whole answer, so that who was held up by others' prefill catches up first. On the
 *       average, what such a step of prefill takes is held in reserve: training does not use up what the next one will need.
 *   <li>It takes no more than its share of the time then, and takes that in stretches: with each change between serving and
 *       training, caches turn cold for both.
 *   <li>Where many answers are computed, no slice runs beside them: who is held up stays longer, and a rush would find them all
 *       still there.
 *   <li>For some time after a first token was late, no slice runs beside answers: whoever is held up between two tokens stays longer,
 *       and leaves less to those who come.
 *   <li>After half its patience, training may take a slice between two steps of prefill as well, if by prediction all that
 *       is to be prefilled still meets the targets of first and next tokens after it.
 *   <li>After its patience it takes one all the same. So starvation is bounded: one slice in that time under any load.
 * </ul>
 */
final class StepBudget {
  /** What the longest hold-up keeps of its excess when another comes: it is forgotten after some hundred. */
  private static final double KEPT = 0.99;

  /** What it keeps with each step of decoding that nobody held up: after some hundred it is half. */
  private static final double KEPT_WITHOUT = 0.998;

  /** For so many times the target of a first token training keeps out after one was late. */
  private static final double KEEPS_OUT = 10;

  /** So much of the target of a next token training takes at a stretch beside answers: it begins when it has credit for that. */
  private static final double STRETCH = 0.4;

  /** Training runs beside as many answers as this share of those that there may be at a time. */
  private static final double FEW = 0.25;

  private final LatencyTargets targets;
  private final double mostAnswers;
  private final double stretchNanos;
  private final Map<String, Answer> answers = new HashMap<>();
  /** By rows, pairs of query and key, steps: the products' time first. */
  private final TimeModel prefill = new TimeModel(3);
  /** By steps, rows, pairs: reading the weights comes first, whatever the rows. */
  private final TimeModel decode = new TimeModel(3);
  /** By rows, or elements, and slices. */
  private final Map<Slice, TimeModel> slices = new HashMap<>();

  /** How long a step of prefill holds up those who wait for their next token: the longest, by and by forgotten. */
  private double holdUpNanos;

  /** Until when training keeps out, because a first token was late. */
  private double lateUntilNanos = Double.NEGATIVE_INFINITY;

  /** What training's share of serving's time comes to, less what it has taken beside answers; two stretches, or a debt of one, at most. */
  private double creditNanos;

  /** Whether a stretch of training has begun: the credit was enough for one and is not used up. */
  private boolean stretching;

  private long servingNanos;
  private long trainingNanos;
  private long lastSliceNanos = System.nanoTime();

  /**
   * Knows nothing yet.
   *
   * @param maxSequences answers that are computed at a time, at most
   */
  StepBudget(LatencyTargets targets, int maxSequences) {
    this.targets = targets;
    this.mostAnswers = Math.max(1, FEW * maxSequences);
    this.stretchNanos = STRETCH * targets.perTokenMillis() * 1e6;
  }

  /** When an answer got tokens. */
  private static final class Answer {
    private final long firstNanos;
    private long lastNanos;
    private int tokens;

    Answer(long firstNanos) {
      this.firstNanos = firstNanos;
    }

    double nextDueNanos(double perTokenNanos, double reserveNanos) {
      double onAverage = firstNanos + (tokens - 1) * perTokenNanos - reserveNanos;
      return Math.min((double) lastNanos, onAverage) + perTokenNanos;
    }
  }

  /** Takes note of a step. */
  void stepTook(StepReport step, long nowNanos, long nanos) {
    servingNanos += nanos;
    if (isLimited()) {
      double share = targets.trainingShare();
      creditNanos = Math.min(2 * stretchNanos, creditNanos + nanos * share / (1 - share));
      stretching |= creditNanos >= stretchNanos;
    }
    for (String id : step.tokensFor()) {
      Answer answer = answers.computeIfAbsent(id, first -> new Answer(nowNanos));
      answer.lastNanos = nowNanos;
      answer.tokens++;
    }
    if (step.prefillRows() > 0) {
      if (step.decodeRows() > 0) {
        holdUpNanos = Math.max((double) nanos, KEPT * holdUpNanos + (1 - KEPT) * nanos);
      }
      prefill.observe(nanos, step.rows(), (double) step.pairs(), 1);
    } else if (step.decodeRows() > 0) {
      holdUpNanos *= KEPT_WITHOUT;
      decode.observe(nanos, 1, step.decodeRows(), (double) step.pairs());
    }
  }

  /** Takes note of a slice over {@code rows} rows. */
  void sliceTook(Slice kind, int rows, long nowNanos, long nanos) {
    trainingNanos += nanos;
    lastSliceNanos = nowNanos;
    if (isLimited() && !answers.isEmpty()) {
      creditNanos = Math.max(-stretchNanos, creditNanos - nanos);
      stretching &= creditNanos > 0;
    }
    if (rows > 0) {
      model(kind).observe(nanos, rows, 1);
    }
  }

  /** Whether training is to leave time that the targets leave. */
  private boolean isLimited() {
    return targets.trainingShare() < 1;
  }

  private TimeModel model(Slice kind) {
    return slices.computeIfAbsent(kind, k -> new TimeModel(2));
  }

  /** Forgets an answer that has ended. */
  void ended(String id) {
    answers.remove(id);
  }

  /** Notes that there was nothing to train, so nobody is kept waiting. */
  void nothingToTrain(long nowNanos) {
    lastSliceNanos = nowNanos;
  }

  /** Whether a slice over {@code rows} rows leaves what serving is asked for in time, or training has waited long enough. */
  boolean allows(Slice kind, int rows, Demand demand, long nowNanos) {
    double waited = nowNanos - lastSliceNanos;
    double patience = targets.trainingPatienceMillis() * 1e6;
    if (firstTokenDueNanos(demand) < nowNanos) {
      lateUntilNanos = nowNanos + KEEPS_OUT * targets.firstTokenMillis() * 1e6;
    }
    if (waited > patience) {
      return true;
    }
    if (nowNanos < lateUntilNanos && demand.prompts() + demand.decodeRows() > 0) {
      return false;
    }
    if (demand.prompts() > 0 && waited <= patience / 2) {
      return false;
    }
    if (isLimited() && !answers.isEmpty() && !(stretching && answers.size() <= mostAnswers)) {
      return false;
    }
    double ends = nowNanos + model(kind).predict(rows, 1) + predict(demand);
    return ends <= tokenDueNanos() && ends <= firstTokenDueNanos(demand);
  }

  /** Time of all that is to be prefilled, in one step, and of one step of decoding. */
  private double predict(Demand demand) {
    double nanos = 0;
    if (demand.prompts() > 0) {
      nanos += prefill.predict((double) demand.prefillRows(), (double) demand.prefillPairs(), 1);
    }
    if (demand.decodeRows() > 0) {
      nanos += decode.predict(1, demand.decodeRows(), (double) demand.decodePairs());
    }
    return nanos;
  }

  private double tokenDueNanos() {
    double due = Double.POSITIVE_INFINITY;
    for (Answer answer : answers.values()) {
      due = Math.min(due, answer.nextDueNanos(targets.perTokenMillis() * 1e6, holdUpNanos));
    }
    return due;
  }

  private double firstTokenDueNanos(Demand demand) {
    return demand.firstTokens() == 0
        ? Double.POSITIVE_INFINITY
        : demand.oldestNanos() + targets.firstTokenMillis() * 1e6;
  }

  /** Where the time went, and how well it was foretold. */
  StepTimes times() {
    Map<String, Double> errors = new HashMap<>();
    StepTimes.KINDS.forEach(kind -> errors.put(kind, Double.NaN));
    errors.put("prefill", prefill.error());
    errors.put("decode", decode.error());
    slices.forEach((kind, model) -> errors.put(StepTimes.kind(kind), model.error()));
    return new StepTimes(
        servingNanos,
        trainingNanos,
        errors,
        error(List.of(prefill, decode)),
        error(slices.values()));
  }

  private static double error(Collection<TimeModel> models) {
    double missedNanos = 0;
    double nanos = 0;
    for (TimeModel model : models) {
      if (!Double.isNaN(model.error())) {
        missedNanos += model.error() * model.observedNanos();
        nanos += model.observedNanos();
      }
    }
    return missedNanos / nanos;
  }
}
