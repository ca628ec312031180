package io.alchemist.spark.ui;

import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

/** The top of the page: what runs, what needs attention, and the numbers to look at first. */
final class Overview {
  /** Reuse is exact up to the order of sums; more than this is no rounding. */
  private static final double LARGE_ERROR = 1e-5;

  private final Markup out;
  private final Snapshot now;

  Overview(Markup out, Snapshot now) {
    this.out = out;
    this.now = now;
  }

  /** Writes it. */
  void render() {
    header();
    attention();
    tiles();
  }

  private void header() {
    StartedEvent started = now.started();
    out.open("p", "class", "alch-head");
    fact("model", started == null ? "not said yet" : started.model());
    fact("live version", Format.count(now.liveNumber()));
    out.open("span").leaf("span", "router ", "class", "alch-dim");
    if (started == null || started.routerAddress().isEmpty()) {
      out.leaf("b", "none");
    } else {
      link(out, started.routerAddress(), started.routerAddress());
    }
    out.close();
    if (started != null) {
      fact(now.live() ? "up" : "ran", Format.span(now.nowMillis() - started.timeMillis()));
    }
    if (!now.rounds().isEmpty()) {
      fact(
          "last round",
          Format.span(now.nowMillis() - now.rounds().get(0).finishedAtMillis())
              + (now.live() ? " ago" : " before the end"));
    }
    if (!now.live()) {
      fact("from the event log, as of", Format.time(now.nowMillis()));
    }
    out.close();
  }

  private void fact(String name, String value) {
    out.open("span")
        .leaf("span", name + " ", "class", "alch-dim")
        .leaf("b", value)
        .close();
  }

  private void attention() {
    List<String> problems = Problems.of(now);
    if (problems.isEmpty()) {
      return;
    }
    out.open("div", "class", "alch-attention", "role", now.live() ? "alert" : "note");
    out.leaf("b", "⚠\uFE0E " + (now.live() ? "Needs attention" : "At the end of the log"));
    out.open("ul");
    problems.forEach(problem -> out.leaf("li", problem));
    out.close().close();
  }

  private void tiles() {
    Totals totals = now.totals();
    VersionEvent live = now.liveVersion();
    out.open("div", "class", "alch-tiles");
    tile(
        "Live version",
        Format.count(now.liveNumber()),
        live == null ? "" : "for " + Format.span(now.nowMillis() - live.atMillis()),
        "");
    tile(
        "Rounds",
        Format.count(totals.rounds()),
        Format.count(totals.rejected()) + " rejected by the gate",
        "");
    tile(
        "Examples trained",
        Format.rounded(totals.examples()),
        "of " + Format.rounded(totals.received()) + " rows",
        "");
    long prompt = totals.reusedTokens() + totals.recomputedTokens();
    tile(
        "Prompt tokens reused",
        Format.share(totals.reusedTokens(), prompt),
        prompt == 0
            ? "no round yet"
            : Format.rounded(totals.reusedTokens()) + " of " + Format.rounded(prompt),
        "");
    exactness(now.audits());
    tile("Loss now", Format.loss(totals.lastLoss()), lossChange(totals), "");
    tile(
        "Quarantined",
        Format.count(totals.quarantined()),
        totals.received() == 0
            ? "no feedback yet"
            : Format.share(totals.quarantined(), totals.received()) + " of the feedback",
        Problems.manyQuarantined(now) ? "alch-tile-warn" : "");
    latencyTile("TTFT p99", "time to the first token", ExecutorView::ttftMillisP99);
    latencyTile("TPOT p99", "time per further token", ExecutorView::tpotMillisP99);
    out.close();
  }

  /** Whether the gradient from what serving logged is that of full recomputation. */
  private void exactness(Audits audits) {
    AuditEvent latest = audits.latest();
    if (latest == null) {
      tile("Gradient error of reuse", Format.UNKNOWN, "no round audited yet", "");
      return;
    }
    tile(
        "Gradient error of reuse",
        String.format(Locale.ROOT, "%.1e", latest.relativeError()),
        String.format(
            Locale.ROOT,
            "cosine %.7f in round %d; worst of %d audits %.1e",
            latest.cosine(),
            latest.round(),
            audits.count(),
            audits.worstError()),
        audits.worstError() > LARGE_ERROR ? "alch-tile-warn" : "");
  }

  private static String lossChange(Totals totals) {
    Double first = totals.firstLoss();
    Double last = totals.lastLoss();
    if (first == null || last == null) {
      return "no round yet";
    }
    double percent = 100 * (last - first) / first;
    String change = Double.isFinite(percent)
        ? String.format(Locale.ROOT, ", %+.0f %%", percent).replace('-', '−')
        : "";
    return "first " + Format.loss(first) + change;
  }

  /** Percentiles don't add up over executors, so the tile shows the worst one. */
  private void latencyTile(String name, String meaning, ToDoubleFunction<ExecutorView> millis) {
    ExecutorView worst = null;
    for (ExecutorView view : now.ready()) {
      double value = millis.applyAsDouble(view);
      if (value >= 0 && (worst == null || value > millis.applyAsDouble(worst))) {
        worst = view;
      }
    }
    tile(
        name,
        worst == null ? Format.UNKNOWN : Format.millis(millis.applyAsDouble(worst)),
        worst == null ? meaning : "worst: executor " + worst.executorId(),
        "");
  }

  private void tile(String name, String value, String below, String style) {
    out.open("div", "class", "alch-tile " + style);
    out.leaf("div", name, "class", "alch-tile-name");
    out.leaf("div", value, "class", "alch-tile-value");
    out.leaf("div", below, "class", "alch-tile-below");
    out.close();
  }

  /** A link, where the address is one of the web; otherwise just the text. */
  static void link(Markup out, @Nullable String address, String text) {
    if (address != null && address.matches("https?://.*")) {
      out.leaf("a", text, "href", address, "rel", "noreferrer");
    } else {
      out.leaf("span", text);
    }
  }
}
