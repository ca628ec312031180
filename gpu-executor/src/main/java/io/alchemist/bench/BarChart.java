package io.alchemist.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Groups of bars as SVG, for the documentation. The largest value fills the height. */
final class BarChart {
  private static final int WIDTH = 720;
  private static final int HEIGHT = 300;
  private static final int LEFT = 56;
  private static final int TOP = 56;
  private static final int BOTTOM = 44;
  private static final int LINES = 4;
  private static final List<String> COLORS = List.of("#9aa5b1", "#5b8db8", "#1f9d6b");

  private final String title;
  private final String unit;
  private final List<String> series;
  private final List<Group> groups = new ArrayList<>();

  private record Group(String label, List<Double> values, @Nullable Double mark) {}

  /**
   * A chart without bars yet.
   *
   * @param unit of the values, at the axis
   * @param series names of a group's bars
   */
  BarChart(String title, String unit, List<String> series) {
    this.title = title;
    this.unit = unit;
    this.series = List.copyOf(series);
  }

  /**
   * Adds a group.
   *
   * @param values one for each of the series
   * @param mark a line across the group, e.g. what is possible at most; null for none
   */
  void add(String label, List<Double> values, @Nullable Double mark) {
    groups.add(new Group(label, List.copyOf(values), mark));
  }

  /** The picture. */
  String svg() {
    StringBuilder out = new StringBuilder();
    out.append(String.format(
        Locale.ROOT,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"12\">%n",
        WIDTH,
        HEIGHT));
    out.append(String.format("<rect width=\"%d\" height=\"%d\" fill=\"white\"/>%n", WIDTH, HEIGHT));
    text(out, LEFT, 20, "start", title, "bold");
    int x = LEFT;
    for (int i = 0; i < series.size(); i++) {
      rect(out, x, 30, 10, 10, COLORS.get(i % COLORS.size()));
      text(out, x + 14, 39, "start", series.get(i), "normal");
      x += 28 + 7 * series.get(i).length();
    }
    double most = 0;
    for (Group group : groups) {
      for (double value : group.values) {
        most = Math.max(most, value);
      }
      most = Math.max(most, group.mark == null ? 0 : group.mark);
    }
    axis(out, most);
    for (int g = 0; g < groups.size(); g++) {
      group(out, groups.get(g), g, most);
    }
    return out.append("</svg>\n").toString();
  }

  private static double height(double value, double most) {
    return most == 0 ? 0 : value / most * (HEIGHT - TOP - BOTTOM);
  }

  private void axis(StringBuilder out, double most) {
    for (int i = 0; i <= LINES; i++) {
      double value = most * i / LINES;
      double y = HEIGHT - BOTTOM - height(value, most);
      out.append(String.format(
          Locale.ROOT,
          "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#e3e6ea\"/>%n",
          LEFT,
          WIDTH - 8,
          y,
          y));
      text(out, LEFT - 6, y + 4, "end", number(value), "normal");
    }
    text(out, 4, TOP - 4, "start", unit, "normal");
  }

  private void group(StringBuilder out, Group group, int index, double most) {
    double width = (double) (WIDTH - LEFT - 8) / groups.size();
    double left = LEFT + index * width + width * 0.12;
    double bar = width * 0.76 / series.size();
    for (int i = 0; i < group.values.size(); i++) {
      double h = height(group.values.get(i), most);
      double x = left + i * bar;
      rect(out, x, HEIGHT - BOTTOM - h, bar - 2, h, COLORS.get(i % COLORS.size()));
      text(
          out,
          x + bar / 2 - 1,
          HEIGHT - BOTTOM - h - 3,
          "middle",
          number(group.values.get(i)),
          "normal");
    }
    if (group.mark != null) {
      double y = HEIGHT - BOTTOM - height(group.mark, most);
      out.append(String.format(
          Locale.ROOT,
          "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#c0392b\" stroke-dasharray=\"5 3\"/>%n",
          left,
          left + bar * series.size(),
          y,
          y));
    }
    text(
        out, left + bar * series.size() / 2, HEIGHT - BOTTOM + 18, "middle", group.label, "normal");
  }

  private static String number(double value) {
    return String.format(Locale.ROOT, value >= 100 ? "%.0f" : value >= 10 ? "%.1f" : "%.2f", value);
  }

  private static void rect(
      StringBuilder out, double x, double y, double width, double height, String color) {
    out.append(String.format(
        Locale.ROOT,
        "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\"/>%n",
        x,
        y,
        width,
        height,
        color));
  }

  private static void text(
      StringBuilder out, double x, double y, String anchor, String text, String weight) {
    String escaped = text.replace("&", "&amp;").replace("<", "&lt;");
    out.append(String.format(
        Locale.ROOT,
        "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" font-weight=\"%s\" fill=\"#2c3e50\">%s</text>%n",
        x,
        y,
        anchor,
        weight,
        escaped));
  }
}
