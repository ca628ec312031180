package io.alchemist.spark.ui;

import io.alchemist.spark.ui.Snapshot.Batch;
import java.util.List;
import java.util.Map;

/** The weight versions, newest first, one page of them. */
final class VersionTable {
  private final Markup out;
  private final Snapshot now;
  private final Pager pager;
  private final Map<Batch, RoundEvent> rounds;

  VersionTable(Markup out, Snapshot now, Pager pager) {
    this.out = out;
    this.now = now;
    this.pager = pager;
    this.rounds = now.roundsByBatch();
  }

  /** Writes it, or says why it is empty. */
  void render() {
    out.leaf("h4", "Versions (" + now.versions().size() + ")", "id", "versions");
    if (now.versions().isEmpty()) {
      out.leaf(
          "p",
          "No version yet: the model serves as it was given until the first round passes the gate.",
          "class",
          "alch-empty");
      return;
    }
    Table.open(
        out,
        "table-striped",
        List.of(
            "Version", "Parent", "Status", "Since", "Trained by", "Examples", "Loss", "Adapter"),
        List.of("Version", "Parent", "Examples", "Loss"));
    pager.page(now.versions()).forEach(this::row);
    Table.close(out);
    pager.links(out, "versions");
  }

  private void row(VersionEvent version) {
    Long parent = version.parent();
    out.open("tr");
    out.leaf("td", Format.count(version.version()), "class", "alch-number");
    out.leaf("td", parent == null ? Format.UNKNOWN : Format.count(parent), "class", "alch-number");
    status(version);
    out.leaf("td", Format.time(version.atMillis()), "class", "alch-nowrap");
    out.leaf("td", trainedBy(version), "title", "query " + version.queryId());
    out.leaf("td", Format.count(version.examples()), "class", "alch-number");
    out.leaf("td", Format.loss(version.loss()), "class", "alch-number");
    out.leaf(
        "td",
        version.path().isEmpty() ? "none: the model as given" : version.path(),
        "class",
        "alch-path");
    out.close();
  }

  private void status(VersionEvent version) {
    boolean live = version.version() == now.liveNumber();
    String text =
        switch (version.status()) {
          case "LIVE" -> live ? "✓ Live" : "Replaced";
          case "CANDIDATE" -> "… Candidate";
          case "REJECTED" -> "✗ Rejected";
          case "ROLLED_BACK" -> "↓ Rolled back";
          default -> version.status();
        };
    String tone =
        switch (version.status()) {
          case "LIVE" -> live ? "good" : "idle";
          case "CANDIDATE" -> "info";
          case "REJECTED" -> "bad";
          case "ROLLED_BACK" -> "warn";
          default -> "idle";
        };
    out.open("td").leaf("span", text, "class", "alch-badge alch-" + tone).close();
  }

  private String trainedBy(VersionEvent version) {
    Long batch = version.batchId();
    if (batch == null) {
      return Format.UNKNOWN;
    }
    RoundEvent round = rounds.get(new Batch(version.queryId(), batch));
    return (round == null ? "" : "round " + Format.count(round.round()) + ", ") + "batch "
        + Format.count(batch);
  }
}
