package io.alchemist.spark.ui;

import java.util.List;

/**
 * The frame of a chart over rounds: an SVG with its title for screen readers, horizontal lines with numbers, and the
 * rounds' numbers below. A round has the same place in all charts. Not thread-safe.
 */
final class Plot {
  /** The most rounds that a chart shows: more would be thinner than a pixel or two each. */
  static final int MAX_ROUNDS = 120;

  private static final double WIDTH = 380;
  private static final double HEIGHT = 176;
  private static final double LEFT = 44;
  private static final double RIGHT = 6;
  private static final double TOP = 10;
  private static final double BOTTOM = 20;

  private final Markup out;
  private final Axis axis;
  private final int rounds;

  private Plot(Markup out, Axis axis, int rounds) {
    this.out = out;
    this.axis = axis;
    this.rounds = rounds;
  }

  /** The rounds that charts show, oldest first. */
  static List<RoundEvent> shown(Snapshot snapshot) {
    List<RoundEvent> shown =
        snapshot.rounds().subList(0, Math.min(MAX_ROUNDS, snapshot.rounds().size()));
    return shown.stream().sorted((a, b) -> Long.compare(a.round(), b.round())).toList();
  }

  /** Opens the SVG and draws the frame; {@code summary} says in words what the chart shows. */
  static Plot open(Markup out, String summary, Axis axis, List<RoundEvent> rounds) {
    out.open(
        "svg",
        "class",
        "alch-plot",
        "role",
        "img",
        "aria-label",
        summary,
        "viewBox",
        "0 0 " + Format.decimal(WIDTH) + " " + Format.decimal(HEIGHT));
    Plot plot = new Plot(out, axis, rounds.size());
    plot.frame(rounds);
    return plot;
  }

  /** Closes the SVG. */
  void close() {
    out.close();
  }

  /** The middle of the round at {@code index}. */
  double x(int index) {
    return LEFT + (index + 0.5) * pitch();
  }

  /** The height of a value. */
  double y(double value) {
    double share = (value - axis.min()) / (axis.max() - axis.min());
    return TOP + (1 - share) * (HEIGHT - TOP - BOTTOM);
  }

  /** How wide a bar is. */
  double barWidth() {
    return Math.min(22, pitch() * 0.8);
  }

  /** The whole column of the round at {@code index}, which shows {@code text} when it is pointed at. */
  void column(int index, String text) {
    out.open(
        "rect",
        "class",
        "alch-column",
        "x",
        Format.decimal(x(index) - pitch() / 2),
        "y",
        Format.decimal(TOP),
        "width",
        Format.decimal(pitch()),
        "height",
        Format.decimal(HEIGHT - TOP - BOTTOM));
    out.leaf("title", text).close();
  }

  private double pitch() {
    return (WIDTH - LEFT - RIGHT) / rounds;
  }

  private void frame(List<RoundEvent> shown) {
    for (double tick : axis.ticks()) {
      String y = Format.decimal(y(tick));
      String right = Format.decimal(WIDTH - RIGHT);
      out.empty(
          "line", "class", "alch-grid", "x1", Format.decimal(LEFT), "x2", right, "y1", y, "y2", y);
      text(LEFT - 5, y(tick) + 3.5, "end", axis.label(tick));
    }
    int last = rounds - 1;
    int labels = Math.min(rounds, 5);
    for (int i = 0; i < labels; i++) {
      int index = labels == 1 ? 0 : (int) Math.round((double) i * last / (labels - 1));
      String anchor = index == last && rounds > 20 ? "end" : "middle";
      double x = anchor.equals("end") ? WIDTH - RIGHT : x(index);
      text(x, HEIGHT - 5, anchor, Long.toString(shown.get(index).round()));
    }
  }

  private void text(double x, double y, String anchor, String text) {
    out.leaf("text", text, "x", Format.decimal(x), "y", Format.decimal(y), "text-anchor", anchor);
  }
}
