package io.alchemist.spark.ui;

/** An executor's device memory against its plan: K/V pages, activations and the rest as one bar, with the peak marked. */
record MemoryBar(ExecutorView view) {
  private static final double WIDTH = 150;

  /** Writes what the colours stand for. */
  static void legend(Markup out) {
    out.open("p", "class", "alch-legend").text("Device memory, left to right: ");
    StackedBars.key(out, "alch-fill-4", "weights and work space");
    StackedBars.key(out, "alch-fill-3", "K/V");
    StackedBars.key(out, "alch-fill-1", "activations");
    StackedBars.key(out, "alch-free", "free in the plan");
    out.leaf("b", "|", "aria-hidden", "true").text(" peak").close();
  }

  /** Draws it, with its numbers below. */
  void render(Markup out) {
    long planned = view.devicePlannedBytes();
    long used = view.deviceBytes();
    if (used < 0) {
      out.text(Format.UNKNOWN);
      return;
    }
    double scale = Math.max(1, Math.max(planned, Math.max(used, view.devicePeakBytes())));
    double kv = width(Math.max(0, view.kvBytes()), scale);
    double activations = width(Math.max(0, view.activationDeviceBytes()), scale);
    double rest = Math.max(0, width(used, scale) - kv - activations);
    String text = Format.bytes(used) + " in use of " + Format.bytes(planned) + " planned: K/V "
        + Format.bytes(view.kvBytes()) + ", activations "
        + Format.bytes(view.activationDeviceBytes()) + ", the rest weights and work space; peak "
        + Format.bytes(view.devicePeakBytes());

    out.open(
        "svg",
        "class",
        "alch-memory",
        "role",
        "img",
        "aria-label",
        text,
        "preserveAspectRatio",
        "none",
        "viewBox",
        "0 0 150 10");
    out.leaf("title", text);
    out.empty("rect", "class", "alch-free", "width", "150", "height", "10");
    part(out, "alch-fill-4", 0, rest);
    part(out, "alch-fill-3", rest, kv);
    part(out, "alch-fill-1", rest + kv, activations);
    if (view.devicePeakBytes() > 0) {
      String x = Format.decimal(Math.min(WIDTH - 1, width(view.devicePeakBytes(), scale)));
      out.empty("line", "class", "alch-peak", "x1", x, "x2", x, "y1", "0", "y2", "10");
    }
    out.close();
    out.open("div", "class", "alch-nowrap").text(Format.bytes(used));
    if (planned > 0) {
      out.text(" of " + Format.bytes(planned));
    }
    boolean tight = planned > 0 && view.devicePeakBytes() > 0.97 * planned;
    out.leaf(
            "span",
            ", peak " + Format.bytes(view.devicePeakBytes()),
            "class",
            tight ? "alch-text-warn" : "alch-dim")
        .close();
    out.leaf(
        "div",
        "K/V " + Format.bytes(view.kvBytes()) + ", trainer peak "
            + Format.bytes(view.trainerPeakBytes()),
        "class",
        "alch-dim alch-nowrap");
  }

  private static double width(long bytes, double scale) {
    return WIDTH * bytes / scale;
  }

  private static void part(Markup out, String style, double from, double width) {
    out.empty(
        "rect",
        "class",
        style,
        "x",
        Format.decimal(from),
        "width",
        Format.decimal(width),
        "height",
        "10");
  }
}
