package io.alchemist.spark.ui;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** The loss over rounds, in training and on held-out feedback, with the rounds marked that the gate rejected. */
final class LossChart {
  private final Markup out;
  private final List<RoundEvent> rounds;

  LossChart(Markup out, List<RoundEvent> rounds) {
    this.out = out;
    this.rounds = rounds;
  }

  /** Draws it, or says why there is none. */
  void render() {
    List<Double> all = new ArrayList<>();
    for (RoundEvent round : rounds) {
      addFinite(all, round.loss());
      addFinite(all, heldOut(round));
    }
    out.open("figure", "class", "alch-card");
    out.leaf("figcaption", "Loss by round");
    if (all.isEmpty()) {
      out.leaf("p", "No round has trained yet, so there is no loss.", "class", "alch-empty");
    } else {
      legend();
      double low = all.stream().mapToDouble(Double::doubleValue).min().orElseThrow();
      double high = all.stream().mapToDouble(Double::doubleValue).max().orElseThrow();
      Plot plot = Plot.open(out, summary(), Axis.covering(low, high, 4), rounds);
      line(plot, "alch-held", LossChart::heldOut);
      line(plot, "alch-loss", RoundEvent::loss);
      for (int i = 0; i < rounds.size(); i++) {
        RoundEvent round = rounds.get(i);
        Double at = finite(round.loss()) ? round.loss() : heldOut(round);
        if (Verdict.of(round) == Verdict.REJECTED && at != null && finite(at)) {
          cross(plot.x(i), plot.y(at));
        }
        plot.column(i, describe(round));
      }
      plot.close();
    }
    out.close();
  }

  /** The held-out loss of what is live after the round: of the candidate if it passed. */
  private static @Nullable Double heldOut(RoundEvent round) {
    return Verdict.of(round) == Verdict.REJECTED ? round.gateLossBefore() : round.gateLossAfter();
  }

  private void legend() {
    out.open("p", "class", "alch-legend");
    out.leaf("span", "━", "class", "alch-key-loss", "aria-hidden", "true").text(" training   ");
    out.leaf("span", "╍", "class", "alch-key-held", "aria-hidden", "true").text(" held out   ");
    out.leaf("span", "✗", "class", "alch-key-bad", "aria-hidden", "true").text(" rejected");
    out.close();
  }

  private String summary() {
    RoundEvent first = rounds.get(0);
    RoundEvent last = rounds.get(rounds.size() - 1);
    long rejected =
        rounds.stream().filter(round -> Verdict.of(round) == Verdict.REJECTED).count();
    return "Loss from " + Format.loss(first.loss()) + " in round " + first.round() + " to "
        + Format.loss(last.loss()) + " in round " + last.round() + "; the gate rejected " + rejected
        + " of these " + rounds.size() + " rounds.";
  }

  private static String describe(RoundEvent round) {
    return "Round " + round.round() + ": training loss " + Format.loss(round.loss()) + ", held out "
        + Format.loss(round.gateLossBefore()) + " before and " + Format.loss(round.gateLossAfter())
        + " after; gate: " + round.gate();
  }

  /** A line through what is known, with a gap where something is not. */
  private void line(Plot plot, String style, Function<RoundEvent, @Nullable Double> value) {
    StringBuilder path = new StringBuilder();
    boolean down = false;
    for (int i = 0; i < rounds.size(); i++) {
      Double y = value.apply(rounds.get(i));
      boolean known = y != null && finite(y);
      if (known) {
        String point = Format.decimal(plot.x(i)) + " " + Format.decimal(plot.y(y));
        // The second half draws a point that stands alone.
        path.append(down ? "L" : "M").append(point).append(down ? "" : "l0 0");
      }
      down = known;
    }
    out.empty("path", "class", style, "d", path.toString());
  }

  private void cross(double x, double y) {
    double r = 3.5;
    out.empty(
        "path",
        "class",
        "alch-cross",
        "d",
        "M" + Format.decimal(x - r) + " " + Format.decimal(y - r) + "l7 7m-7 0l7 -7");
  }

  private static void addFinite(List<Double> to, @Nullable Double value) {
    if (value != null && finite(value)) {
      to.add(value);
    }
  }

  private static boolean finite(@Nullable Double value) {
    return value != null && Double.isFinite(value);
  }
}
