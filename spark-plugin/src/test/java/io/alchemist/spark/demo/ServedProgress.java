package io.alchemist.spark.demo;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;

/** Rounds of a {@link ServedModel}, told from its metrics: so many steps are one. */
final class ServedProgress extends RoundsOnly {
  private final ServedModel served;
  private final int stepsPerRound;
  private long round;
  private double steps;
  private double examples;
  private double reused;
  private double recomputed;

  ServedProgress(ServedModel served, int stepsPerRound) {
    this.served = served;
    this.stepsPerRound = stepsPerRound;
  }

  @Override
  public List<RoundLine> roundsAfter(long last) {
    try {
      double stepsNow = served.metric("alchemist_training_steps_total");
      if (stepsNow - steps < stepsPerRound) {
        return List.of();
      }
      double examplesNow = served.metric("alchemist_trained_examples_total");
      double reusedNow = served.metric("alchemist_trained_reused_tokens_total");
      double recomputedNow = served.metric("alchemist_trained_recomputed_tokens_total");
      double seenSteps = stepsNow - steps;
      long trained = Math.round((examplesNow - examples) / stepsPerRound);
      RoundLine line = new RoundLine(
          ++round,
          1 + Math.round(steps),
          1 + Math.round(stepsNow),
          trained,
          trained,
          0,
          (int) Math.round((examplesNow - examples) / seenSteps),
          served.metric("alchemist_training_loss"),
          Math.round(reusedNow - reused),
          Math.round(recomputedNow - recomputed),
          0);
      steps = stepsNow;
      examples = examplesNow;
      reused = reusedNow;
      recomputed = recomputedNow;
      return List.of(line);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}
