package io.alchemist.spark.demo;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * All figures of a demo. Accuracies and shares are in [0, 1]; what could not be measured is not a number.
 *
 * @param accuracyBefore on what has changed, before anything was learnt
 * @param accuracyAfter the same at the end
 * @param accuracyOtherBefore on what has not changed, before
 * @param accuracyOtherAfter the same at the end
 * @param rounds of training
 * @param versions that went live
 * @param feedbackReceived rows and posts that rounds took
 * @param feedbackTrained of these, trained on
 * @param feedbackQuarantined of these, set aside
 * @param reusedPromptTokenShare of the prompt tokens in steps that start from what serving left
 * @param trainTokensPerSecondReuse of examples whose prompts' forward pass was reused
 * @param trainTokensPerSecondRecompute of the same examples, fully recomputed
 * @param gradientError the largest relative error between the two gradients
 * @param firstTokenMillisP50 at the client
 * @param firstTokenMillisP99 at the client
 * @param perTokenMillisP50 at the client
 * @param perTokenMillisP99 at the client
 * @param seconds from start to end
 * @param users what they did
 * @param peakBytes by tier
 * @param places where tables and adapter lie
 */
public record DemoReport(
    double accuracyBefore,
    double accuracyAfter,
    double accuracyOtherBefore,
    double accuracyOtherAfter,
    long rounds,
    long versions,
    long feedbackReceived,
    long feedbackTrained,
    long feedbackQuarantined,
    double reusedPromptTokenShare,
    double trainTokensPerSecondReuse,
    double trainTokensPerSecondRecompute,
    double gradientError,
    double firstTokenMillisP50,
    double firstTokenMillisP99,
    double perTokenMillisP50,
    double perTokenMillisP99,
    double seconds,
    UserCounts users,
    Map<String, Long> peakBytes,
    Map<String, String> places) {
  static final double MOST_BEFORE = 0.2;
  static final double LEAST_AFTER = 0.8;
  static final double MOST_FORGOTTEN = 0.1;
  static final double MOST_GRADIENT_ERROR = 1e-5;
  /** Of the difference of two shares: 0.8 - 0.7 is more than 0.1. */
  static final double ROUNDING = 1e-9;

  private static final int DECIMALS = 4;
  private static final ObjectMapper JSON = new ObjectMapper();

  public DemoReport {
    // Not Map.copyOf: the order is part of the report.
    peakBytes = new LinkedHashMap<>(peakBytes);
    places = new LinkedHashMap<>(places);
  }

  /** The same, with the time of what came before and after counted in. */
  public DemoReport withSeconds(double all) {
    return new DemoReport(
        accuracyBefore,
        accuracyAfter,
        accuracyOtherBefore,
        accuracyOtherAfter,
        rounds,
        versions,
        feedbackReceived,
        feedbackTrained,
        feedbackQuarantined,
        reusedPromptTokenShare,
        trainTokensPerSecondReuse,
        trainTokensPerSecondRecompute,
        gradientError,
        firstTokenMillisP50,
        firstTokenMillisP99,
        perTokenMillisP50,
        perTokenMillisP99,
        all,
        users,
        peakBytes,
        places);
  }

  /** What the demo promises and this run did not keep, a sentence each; empty when all is well. */
  public List<String> shortfalls() {
    List<String> missed = new ArrayList<>();
    if (!(accuracyBefore < MOST_BEFORE)) {
      missed.add("Before learning " + percent(accuracyBefore)
          + " of the questions about changes were answered rightly, not under "
          + percent(MOST_BEFORE) + ".");
    }
    if (!isLearnt(accuracyAfter)) {
      missed.add("After learning " + percent(accuracyAfter)
          + " of the questions about changes were answered rightly, not over "
          + percent(LEAST_AFTER) + ".");
    }
    if (!isKept(accuracyOtherBefore, accuracyOtherAfter)) {
      missed.add("Accuracy on what has not changed fell from " + percent(accuracyOtherBefore)
          + " to " + percent(accuracyOtherAfter) + ", by more than " + percent(MOST_FORGOTTEN)
          + ".");
    }
    if (gradientError > MOST_GRADIENT_ERROR) {
      missed.add("A gradient from what serving left was " + number(gradientError, "%.1e")
          + " off the recomputed one, more than " + number(MOST_GRADIENT_ERROR, "%.0e") + ".");
    }
    return missed;
  }

  /** Whether so much of what has changed is enough. */
  static boolean isLearnt(double after) {
    return after > LEAST_AFTER;
  }

  /** Whether not too much was forgotten of what has not changed. */
  static boolean isKept(double otherBefore, double otherAfter) {
    return otherBefore - otherAfter <= MOST_FORGOTTEN + ROUNDING;
  }

  /** The figures by their names in {@link #toJson}, in order. */
  Map<String, Number> figures() {
    Map<String, Number> figures = new LinkedHashMap<>();
    figures.put("accuracy_before", accuracyBefore);
    figures.put("accuracy_after", accuracyAfter);
    figures.put("accuracy_other_before", accuracyOtherBefore);
    figures.put("accuracy_other_after", accuracyOtherAfter);
    figures.put("rounds", rounds);
    figures.put("versions", versions);
    figures.put("feedback_received", feedbackReceived);
    figures.put("feedback_trained", feedbackTrained);
    figures.put("feedback_quarantined", feedbackQuarantined);
    figures.put("reused_prompt_token_share", reusedPromptTokenShare);
    figures.put("train_tokens_per_s_reuse", trainTokensPerSecondReuse);
    figures.put("train_tokens_per_s_recompute", trainTokensPerSecondRecompute);
    figures.put("ttft_ms_p50", firstTokenMillisP50);
    figures.put("ttft_ms_p99", firstTokenMillisP99);
    figures.put("tpot_ms_p50", perTokenMillisP50);
    figures.put("tpot_ms_p99", perTokenMillisP99);
    figures.put("seconds", seconds);
    return figures;
  }

  /** One line of JSON; what could not be measured is null. */
  public String toJson() {
    ObjectNode node = JSON.createObjectNode();
    figures().forEach((name, value) -> {
      if (value instanceof Long whole) {
        node.put(name, whole);
      } else if (Double.isFinite(value.doubleValue())) {
        node.put(name, rounded(value.doubleValue()));
      } else {
        node.putNull(name);
      }
    });
    return node.toString();
  }

  private static BigDecimal rounded(double value) {
    return BigDecimal.valueOf(value)
        .setScale(DECIMALS, RoundingMode.HALF_EVEN)
        .stripTrailingZeros();
  }

  /** For the console: a line for each figure, names and values aligned. */
  public String toTable() {
    Map<String, String> lines = new LinkedHashMap<>();
    lines.put("Accuracy on what has changed", fromTo(accuracyBefore, accuracyAfter));
    lines.put("Accuracy on everything else", fromTo(accuracyOtherBefore, accuracyOtherAfter));
    lines.put("Rounds of training", rounds + ", which published " + versions + " versions");
    lines.put(
        "Feedback",
        feedbackReceived + " received, " + feedbackTrained + " trained, " + feedbackQuarantined
            + " quarantined");
    lines.put(
        "Users",
        users.answers() + " answers, " + users.posted() + " pieces of feedback posted, "
            + users.appended() + " rows written, " + users.failures() + " requests failed");
    lines.put(
        "Prompt tokens reused", percent(reusedPromptTokenShare) + " in the first step of a round");
    lines.put(
        "Training speed",
        number(trainTokensPerSecondReuse, "%.0f") + " tokens/s from what serving left, "
            + number(trainTokensPerSecondRecompute, "%.0f") + " recomputed");
    lines.put(
        "Gradient from what serving left",
        "within " + number(gradientError, "%.1e") + " of full recomputation");
    lines.put("Time to first token", millis(firstTokenMillisP50, firstTokenMillisP99));
    lines.put("Time per token", millis(perTokenMillisP50, perTokenMillisP99));
    peakBytes.forEach((tier, bytes) ->
        lines.put("Peak in " + tier, String.format(Locale.ROOT, "%.1f MiB", bytes / 1048576.0)));
    lines.put("Seconds", number(seconds, "%.1f"));
    lines.putAll(places);
    int width = lines.keySet().stream().mapToInt(String::length).max().orElse(0);
    StringBuilder table = new StringBuilder();
    lines.forEach((name, value) ->
        table.append(String.format(Locale.ROOT, "%-" + width + "s  %s%n", name, value)));
    return table.toString();
  }

  private static String fromTo(double before, double after) {
    return percent(before) + " -> " + percent(after);
  }

  private static String millis(double p50, double p99) {
    return number(p50, "%.1f") + " ms in the median, " + number(p99, "%.1f") + " ms at 99 %";
  }

  static String percent(double share) {
    return number(share * 100, "%.1f") + " %";
  }

  private static String number(double value, String format) {
    return Double.isFinite(value) ? String.format(Locale.ROOT, format, value) : "-";
  }
}
