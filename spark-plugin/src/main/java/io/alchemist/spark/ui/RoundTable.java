package io.alchemist.spark.ui;

import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** The rounds, newest first, one page of them. */
final class RoundTable {
  private final Markup out;
  private final Snapshot now;
  private final Pager pager;

  RoundTable(Markup out, Snapshot now, Pager pager) {
    this.out = out;
    this.now = now;
    this.pager = pager;
  }

  /** Writes it, or says why it is empty. */
  void render() {
    long kept = now.rounds().size();
    String older =
        now.totals().rounds() > kept ? ", the latest " + Format.count(kept) + " kept" : "";
    out.leaf("h4", "Rounds (" + Format.count(now.totals().rounds()) + older + ")", "id", "rounds");
    if (kept == 0) {
      out.leaf("p", nothingYet(now.started()), "class", "alch-empty");
      return;
    }
    Table.open(
        out,
        "table-striped",
        List.of(
            "Round",
            "Ended",
            "Batch",
            "Version",
            "Examples",
            "Feedback",
            "Loss",
            "Gate (held-out loss)",
            "Prompt tokens reused",
            "Tokens/s",
            "Seconds"),
        List.of("Round", "Batch", "Examples", "Loss", "Tokens/s", "Seconds"));
    pager.page(now.rounds()).forEach(this::row);
    Table.close(out);
    pager.links(out, "rounds");
  }

  private static String nothingYet(@Nullable StartedEvent started) {
    String every = started == null ? null : started.settings().get(StartedEvent.ROUND_INTERVAL);
    return "No round yet: feedback is trained "
        + (every == null ? "once some has arrived" : "every " + every + ", once some has arrived")
        + ", by POST /v1/feedback or as rows of the feedback table.";
  }

  private void row(RoundEvent round) {
    out.open("tr");
    out.leaf("td", Format.count(round.round()), "class", "alch-number");
    out.leaf("td", Format.time(round.finishedAtMillis()), "class", "alch-nowrap");
    out.leaf(
        "td",
        Format.count(round.batchId()),
        "class",
        "alch-number",
        "title",
        "query " + round.queryId());
    Long to = round.toVersion();
    out.leaf(
        "td",
        to == null
            ? "stays " + Format.count(round.fromVersion())
            : Format.count(round.fromVersion()) + " → " + Format.count(to),
        "class",
        "alch-nowrap");
    number(Format.count(round.examples()), plural(round.steps(), "step"));
    feedback(round);
    number(Format.loss(round.loss()), "gradient " + Format.loss(round.gradientNorm()));
    gate(round);
    reuse(round);
    number(
        Format.rounded(round.trainTokensPerSecond()),
        Format.rounded(round.predictingTokens()) + " predicted");
    number(
        String.format(Locale.ROOT, "%.1f", round.seconds()), plural(round.executors(), "executor"));
    out.close();
  }

  private void feedback(RoundEvent round) {
    out.open("td").text(Format.count(round.received()) + " rows");
    out.open("div", "class", "alch-dim");
    out.text(round.trained() + " trained, " + round.heldOut() + " held out");
    if (round.counted() > 0) {
      out.text(", " + round.counted() + " counted");
    }
    if (round.waiting() > 0) {
      out.text(", " + round.waiting() + " waiting");
    }
    if (round.quarantined() > 0) {
      out.text(", ").leaf("span", round.quarantined() + " quarantined", "class", "alch-text-warn");
    }
    out.close().close();
  }

  private void gate(RoundEvent round) {
    Verdict verdict = Verdict.of(round);
    String name =
        switch (verdict) {
          case PASSED -> "Passed";
          case REJECTED -> "Rejected";
          case NONE -> round.gate().isEmpty() ? "Did not run" : round.gate();
        };
    out.open("td");
    out.leaf("span", verdict.sign() + " " + name, "class", "alch-badge alch-" + verdict.tone());
    if (round.gateLossBefore() != null || round.gateLossAfter() != null) {
      out.leaf(
          "span",
          " " + Format.loss(round.gateLossBefore()) + " → " + Format.loss(round.gateLossAfter()),
          "class",
          "alch-nowrap");
    }
    out.close();
  }

  private void reuse(RoundEvent round) {
    long all = round.reusedTokens() + round.recomputedTokens();
    String text = Format.count(round.reusedTokens()) + " reused, "
        + Format.count(round.recomputedTokens()) + " recomputed, loss over "
        + Format.count(round.predictingTokens()) + " tokens";
    out.open("td", "class", "alch-nowrap", "title", text);
    out.leaf("b", Format.share(round.reusedTokens(), all)).text(" ");
    if (all > 0) {
      out.open("svg", "class", "alch-share", "viewBox", "0 0 60 8", "aria-hidden", "true");
      double reused = 60.0 * round.reusedTokens() / all;
      out.empty("rect", "class", "alch-fill-2", "width", "60", "height", "8");
      out.empty("rect", "class", "alch-fill-1", "width", Format.decimal(reused), "height", "8");
      out.close();
    }
    out.leaf(
            "div",
            Format.rounded(round.reusedTokens()) + " reused, "
                + Format.rounded(round.recomputedTokens()) + " recomputed",
            "class",
            "alch-dim")
        .close();
  }

  private void number(String text, String below) {
    out.open("td", "class", "alch-number").text(text);
    out.leaf("div", below, "class", "alch-dim alch-nowrap").close();
  }

  private static String plural(long count, String noun) {
    return Format.count(count) + " " + noun + (count == 1 ? "" : "s");
  }
}
