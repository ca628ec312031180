package io.alchemist.bench;

import io.alchemist.bench.ReuseGrid.Point;
import io.alchemist.tensor.RaggedBatch;
import io.alchemist.train.GradientReport;
import io.alchemist.weights.LinearLayer;
import io.alchemist.weights.ModelConfig;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/** What was measured at one point. */
final class ReusePoint {
  final Timed recompute = new Timed();
  final Timed checkpoint = new Timed();
  final Timed reuse = new Timed();
  final Timed forward = new Timed();
  final Timed backward = new Timed();
  final Timed predicted = new Timed();
  private final ModelConfig model;
  private final Point point;
  private final double tokens;
  private double share;
  private double error;
  private long peakRecompute;
  private long peakCheckpoint;
  private long peakReuse;

  ReusePoint(ModelConfig model, Point point) {
    this.model = model;
    this.point = point;
    this.tokens = (double) point.examples() * point.tokens();
  }

  void recomputed(GradientReport report, double seconds, long peakBytes) {
    recompute.add(seconds);
    forward.add(report.forwardNanos() * 1e-9);
    backward.add(report.backwardNanos() * 1e-9);
    peakRecompute = Math.max(peakRecompute, peakBytes);
  }

  void checkpointed(double seconds, long peakBytes) {
    checkpoint.add(seconds);
    peakCheckpoint = Math.max(peakCheckpoint, peakBytes);
  }

  void reused(GradientReport report, double seconds, long peakBytes) {
    reuse.add(seconds);
    predicted.add(report.predictedNanos() * 1e-9);
    share = report.reusedShare();
    peakReuse = Math.max(peakReuse, peakBytes);
  }

  void gradientError(double relative) {
    error = Math.max(error, relative);
  }

  /** Ratio of the times of two ways, run by run. */
  double speedup() {
    return recompute.medianRatioTo(reuse);
  }

  double speedupOverCheckpointing() {
    return checkpoint.medianRatioTo(reuse);
  }

  /** (F + B) / (B + (1 - p) F): what is left of a step whose logged tokens cost no forward. */
  double bound() {
    double f = forward.median();
    double b = backward.median();
    return (f + b) / (b + (1 - share) * f);
  }

  /** (2 F + B) / (B + 2 (1 - p) F): against a trainer that goes forward twice. */
  double boundOverCheckpointing() {
    double f = forward.median();
    double b = backward.median();
    return (2 * f + b) / (b + 2 * (1 - share) * f);
  }

  double shareOfBound() {
    return speedup() / bound();
  }

  /**
   * (F + B) / (B + q F), where q is the share of forward's operations that are left. It is more than 1 - p: those tokens come last,
   * have most to attend to, and go all the way through the last layer, of which the others need keys and values only.
   */
  double boundByOperations() {
    double f = forward.median();
    double b = backward.median();
    int reused = (int) Math.round(share * point.tokens());
    return (f + b) / (b + operations(reused) / operations(0) * f);
  }

  /** Multiply-adds of forwarding an example's tokens from one on. */
  private double operations(int from) {
    int rows = point.tokens() - from;
    int predicting = Math.min(rows, point.tokens() - point.prompt() + 1);
    double linear = operations(EnumSet.allOf(LinearLayer.class));
    double keysAndValues = operations(EnumSet.of(LinearLayer.K, LinearLayer.V));
    double pair = 2.0 * model.queryDim();
    double last = predicting * linear
        + (rows - predicting) * keysAndValues
        + pair * RaggedBatch.pairs(point.tokens() - predicting, predicting);
    return (model.layers() - 1) * (rows * linear + pair * RaggedBatch.pairs(from, rows)) + last;
  }

  private double operations(Set<LinearLayer> layers) {
    return layers.stream().mapToDouble(linear -> linear.parameters(model)).sum();
  }

  double memorySaved() {
    return 1 - (double) peakReuse / peakRecompute;
  }

  /** How far the planner's prediction was off, of the median run. */
  double predictionError() {
    return predicted.medianRatioTo(reuse) - 1;
  }

  Point point() {
    return point;
  }

  /** Share of the tokens whose forward was reused. */
  double share() {
    return share;
  }

  /** Of recomputing, with checkpointing, and of reuse. */
  List<Double> peakMegabytes() {
    return List.of(peakRecompute / 1e6, peakCheckpoint / 1e6, peakReuse / 1e6);
  }

  Map<String, Object> figures() {
    Map<String, Object> figures = new LinkedHashMap<>();
    figures.put("mode", lower(point.mode()));
    figures.put("p", point.p());
    figures.put("reused_share", share);
    figures.put("lengths", point.shared() ? "512 shared + 64" : lower(point.lengths()));
    figures.put("memory", lower(point.memory()));
    figures.put("shared_prefix", point.shared());
    figures.put("examples", point.examples());
    figures.put("prompt_tokens", point.prompt());
    figures.put("tokens", (long) tokens);
    figures.put("forward_s", forward.median());
    figures.put("backward_s", backward.median());
    figures.put("recompute_tokens_per_s", tokens / recompute.median());
    figures.put("checkpoint_tokens_per_s", tokens / checkpoint.median());
    figures.put("reuse_tokens_per_s", tokens / reuse.median());
    figures.put("speedup", speedup());
    figures.put("bound", bound());
    figures.put("share_of_bound", shareOfBound());
    if (!point.shared()) {
      figures.put("bound_by_operations", boundByOperations());
      figures.put("share_of_bound_by_operations", speedup() / boundByOperations());
    }
    figures.put("speedup_over_checkpoint", speedupOverCheckpointing());
    figures.put("bound_over_checkpoint", boundOverCheckpointing());
    figures.put("peak_bytes_recompute", peakRecompute);
    figures.put("peak_bytes_checkpoint", peakCheckpoint);
    figures.put("peak_bytes_reuse", peakReuse);
    figures.put("gradient_relative_error", error);
    figures.put("planner_predicted_s", predicted.median());
    figures.put("planner_measured_s", reuse.median());
    figures.put("planner_error", predictionError());
    return figures;
  }

  static String header() {
    return String.format(
        Locale.ROOT,
        "%-5s %-7s %5s %-7s %9s %9s %9s %7s %6s %6s %7s %6s %7s %7s %8s %8s",
        "mode",
        "lengths",
        "p",
        "memory",
        "recomp/s",
        "checkp/s",
        "reuse/s",
        "speedup",
        "bound",
        "share",
        "/checkp",
        "bound",
        "peak MB",
        "saved",
        "planner",
        "error");
  }

  String line() {
    return String.format(
        Locale.ROOT,
        "%-5s %-7s %5.3f %-7s %9.0f %9.0f %9.0f %7.2f %6.2f %5.0f%% %7.2f %6.2f %7.1f %6.1f%% %+7.1f%% %8.1e",
        lower(point.mode()),
        point.shared() ? "shared" : lower(point.lengths()),
        share,
        lower(point.memory()),
        tokens / recompute.median(),
        tokens / checkpoint.median(),
        tokens / reuse.median(),
        speedup(),
        bound(),
        100 * shareOfBound(),
        speedupOverCheckpointing(),
        boundOverCheckpointing(),
        peakReuse / 1e6,
        100 * memorySaved(),
        100 * predictionError(),
        error);
  }

  private static String lower(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT);
  }
}
