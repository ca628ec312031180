package io.alchemist.spark.ui;

import java.util.List;
import java.util.function.ToLongFunction;
import java.util.stream.Collectors;

/** A bar per round, stacked of several counts. Immutable. */
record StackedBars(String title, String nothing, List<Series> series) {

  /** One of the counts: its name, the style class that fills it, and where it comes from. */
  record Series(String name, String style, ToLongFunction<RoundEvent> count) {}

  /** Prompt tokens: those whose activations were logged, and those that had to be computed again. */
  static StackedBars tokens() {
    return new StackedBars(
        "Prompt tokens by round",
        "No round has trained a prompt yet.",
        List.of(
            new Series("reused", "alch-fill-1", RoundEvent::reusedTokens),
            new Series("recomputed", "alch-fill-2", RoundEvent::recomputedTokens)));
  }

  /** Feedback rows: what became of them. */
  static StackedBars feedback() {
    return new StackedBars(
        "Feedback by round",
        "No feedback has been taken in yet.",
        List.of(
            new Series("trained", "alch-fill-1", RoundEvent::trained),
            new Series("held out", "alch-fill-3", RoundEvent::heldOut),
            new Series("counted only", "alch-fill-4", RoundEvent::counted),
            new Series("quarantined", "alch-fill-2", RoundEvent::quarantined)));
  }

  /** Draws them, or says why there are none. */
  void render(Markup out, List<RoundEvent> rounds) {
    double highest = rounds.stream().mapToDouble(this::total).max().orElse(0);
    out.open("figure", "class", "alch-card");
    out.leaf("figcaption", title);
    if (highest == 0) {
      out.leaf("p", nothing, "class", "alch-empty");
    } else {
      legend(out);
      Plot plot = Plot.open(out, summary(rounds), Axis.covering(0, highest, 4), rounds);
      for (int i = 0; i < rounds.size(); i++) {
        bar(out, plot, i, rounds.get(i));
        plot.column(i, "Round " + rounds.get(i).round() + ": " + describe(List.of(rounds.get(i))));
      }
      plot.close();
    }
    out.close();
  }

  private void bar(Markup out, Plot plot, int index, RoundEvent round) {
    double below = 0;
    for (Series part : series) {
      double count = Math.max(0, part.count().applyAsLong(round));
      if (count > 0) {
        double top = plot.y(below + count);
        out.empty(
            "rect",
            "class",
            part.style(),
            "x",
            Format.decimal(plot.x(index) - plot.barWidth() / 2),
            "y",
            Format.decimal(top),
            "width",
            Format.decimal(plot.barWidth()),
            "height",
            Format.decimal(plot.y(below) - top));
        below += count;
      }
    }
  }

  private void legend(Markup out) {
    out.open("p", "class", "alch-legend");
    series.forEach(part -> key(out, part.style(), part.name()));
    out.text("(bottom to top)").close();
  }

  /** A legend's entry: a square of that style, and what it stands for. */
  static void key(Markup out, String style, String name) {
    out.open("svg", "class", "alch-key", "viewBox", "0 0 10 10", "aria-hidden", "true");
    out.empty("rect", "class", style, "width", "10", "height", "10").close();
    out.text(" " + name + "   ");
  }

  private String summary(List<RoundEvent> rounds) {
    return title + " over " + rounds.size() + " rounds, in all " + describe(rounds) + ".";
  }

  private String describe(List<RoundEvent> rounds) {
    return series.stream()
        .map(
            part -> Format.count(rounds.stream().mapToLong(part.count()).sum()) + " " + part.name())
        .collect(Collectors.joining(", "));
  }

  private long total(RoundEvent round) {
    return series.stream()
        .mapToLong(part -> Math.max(0, part.count().applyAsLong(round)))
        .sum();
  }
}
