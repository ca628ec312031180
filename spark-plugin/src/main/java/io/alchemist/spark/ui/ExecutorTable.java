package io.alchemist.spark.ui;

import io.alchemist.spark.ui.StoredExecutor.Sample;
import java.util.List;
import java.util.function.ToDoubleFunction;

/** The executors: state, version, load, latency, how well their times are foretold, and memory. */
final class ExecutorTable {
  private static final int LONG_DETAIL = 80;
  private static final int MAX_DETAIL = 4_000;

  private final Markup out;
  private final Snapshot now;

  ExecutorTable(Markup out, Snapshot now) {
    this.out = out;
    this.now = now;
  }

  /** Writes it, or says why it is empty. */
  void render() {
    out.leaf("h4", "Executors (" + now.executors().size() + ")", "id", "executors");
    if (now.executors().isEmpty()) {
      out.leaf(
          "p",
          "No executor has reported yet: each does once its model is loaded, which can take minutes.",
          "class",
          "alch-empty");
      return;
    }
    Table.open(
        out,
        "",
        List.of(
            "Executor",
            "State",
            "Version",
            "Load",
            "Served",
            "Time to first token",
            "Time per token",
            "Prediction error",
            "Generated tokens/s",
            "Device memory",
            "Activations"),
        List.of());
    now.executors().forEach(this::row);
    Table.close(out);
    MemoryBar.legend(out);
  }

  private void row(StoredExecutor executor) {
    ExecutorView view = executor.view();
    String state = now.state(executor);
    out.open("tr", "class", state.equals("READY") ? "" : "alch-row-" + tone(state));

    out.open("td").leaf("b", view.executorId()).text(" ");
    Overview.link(out, view.address(), view.host());
    out.leaf("div", view.device(), "class", "alch-dim").close();

    out.open("td");
    out.leaf("span", sign(state) + " " + name(state), "class", "alch-badge alch-" + tone(state));
    detail(view.detail());
    out.close();

    out.open("td").text(Format.count(view.version()));
    if (view.version() >= 0 && now.liveNumber() >= 0 && view.version() != now.liveNumber()) {
      out.leaf("div", "live is " + now.liveNumber(), "class", "alch-text-warn");
    }
    out.close();

    out.open("td", "class", "alch-nowrap").text(Format.count(view.running()) + " running");
    out.leaf(
            "div",
            Format.count(view.queued()) + " queued",
            "class",
            view.queued() > view.running() && view.queued() > 0 ? "alch-text-warn" : "alch-dim")
        .close();

    out.open("td", "class", "alch-nowrap").text(Format.rounded(view.requests()) + " requests");
    out.leaf(
            "div",
            Format.rounded(view.promptTokens()) + " + " + Format.rounded(view.completionTokens())
                + " tokens",
            "class",
            "alch-dim",
            "title",
            Format.count(view.promptTokens()) + " prompt tokens and "
                + Format.count(view.completionTokens()) + " generated")
        .close();

    latency(
        "Time to the first token, p99",
        view.ttftMillisP50(),
        view.ttftMillisP99(),
        executor.samples(),
        Sample::ttftMillisP99);
    latency(
        "Time per further token, p99",
        view.tpotMillisP50(),
        view.tpotMillisP99(),
        executor.samples(),
        Sample::tpotMillisP99);

    out.open(
        "td",
        "class",
        "alch-tiers",
        "title",
        "How far the predicted time of the latest steps of serving and slices of training was off");
    named("steps", Format.percent(view.stepError()));
    named("slices", Format.percent(view.sliceError()));
    out.close();

    Sample last = executor.samples().get(executor.samples().size() - 1);
    out.open("td", "class", "alch-nowrap")
        .text(Format.rounded(last.tokensPerSecond()))
        .empty("br");
    Sparkline.render(
        out,
        "Generated tokens per second",
        executor.samples(),
        Sample::tokensPerSecond,
        Format::rounded);
    out.close();

    out.open("td");
    new MemoryBar(view).render(out);
    out.close();

    out.open("td", "class", "alch-tiers");
    named("device", Format.bytes(view.activationDeviceBytes()));
    named("host", Format.bytes(view.activationHostBytes()));
    named("disk", Format.bytes(view.activationDiskBytes()));
    out.close();

    out.close();
  }

  private void latency(
      String name, double p50, double p99, List<Sample> samples, ToDoubleFunction<Sample> value) {
    out.open("td", "class", "alch-nowrap");
    out.leaf("span", "p50 ", "class", "alch-dim").text(Format.millis(p50));
    out.leaf("span", " p99 ", "class", "alch-dim").text(Format.millis(p99)).empty("br");
    Sparkline.render(out, name, samples, value, Format::millis);
    out.close();
  }

  private void named(String name, String value) {
    out.open("div").leaf("span", name, "class", "alch-dim").leaf("span", value).close();
  }

  private void detail(String detail) {
    String shown = detail.length() > MAX_DETAIL ? detail.substring(0, MAX_DETAIL) + "…" : detail;
    if (shown.length() <= LONG_DETAIL && shown.indexOf('\n') < 0) {
      out.leaf("div", shown, "class", "alch-dim alch-detail");
      return;
    }
    String line = shown.lines().findFirst().orElse("");
    out.open("details", "class", "alch-detail");
    out.leaf("summary", line.length() > LONG_DETAIL ? line.substring(0, LONG_DETAIL) + "…" : line);
    out.leaf("pre", shown).close();
  }

  private static String tone(String state) {
    return switch (state) {
      case "READY" -> "good";
      case "STARTING" -> "info";
      case "DRAINING" -> "warn";
      case "FAILED", "LOST", "MISSING" -> "bad";
      default -> "idle";
    };
  }

  private static String sign(String state) {
    return switch (tone(state)) {
      case "good" -> "✓";
      case "info" -> "…";
      case "warn" -> "↓";
      case "bad" -> "✗";
      default -> "?";
    };
  }

  private static String name(String state) {
    return switch (state) {
      case "READY" -> "Ready";
      case "STARTING" -> "Starting";
      case "DRAINING" -> "Draining";
      case "FAILED" -> "Failed";
      case "LOST" -> "Lost";
      case "MISSING" -> "Missing";
      default -> state.isEmpty() ? "Unknown" : state;
    };
  }
}
