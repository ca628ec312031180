package io.alchemist.spark.ui;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** The tab's page below Spark's own header, as HTML: no script, no resource from elsewhere. Immutable. */
final class PageBody {
  static final String ROUNDS_PAGE = "rounds";
  static final String VERSIONS_PAGE = "versions";

  private static final String STYLE = style();

  private PageBody() {}

  /**
   * The page.
   *
   * @param now what to show
   * @param roundsPage which page of the rounds, from 1 on
   * @param versionsPage which page of the versions, from 1 on
   */
  static String render(Snapshot now, int roundsPage, int versionsPage) {
    Markup out = new Markup();
    out.style(STYLE).open("div", "class", "alch");
    new Overview(out, now).render();

    List<RoundEvent> charted = Plot.shown(now);
    out.open("div", "class", "alch-charts");
    new LossChart(out, charted).render();
    StackedBars.tokens().render(out, charted);
    StackedBars.feedback().render(out, charted);
    out.close();

    new ExecutorTable(out, now).render();
    Pager rounds = new Pager(
        ROUNDS_PAGE,
        roundsPage,
        VERSIONS_PAGE + "=" + versionsPage + "&",
        now.rounds().size());
    new RoundTable(out, now, rounds).render();
    Pager versions = new Pager(
        VERSIONS_PAGE,
        versionsPage,
        ROUNDS_PAGE + "=" + rounds.page() + "&",
        now.versions().size());
    new VersionTable(out, now, versions).render();
    settings(out, now);
    return out.close().finish();
  }

  private static void settings(Markup out, Snapshot now) {
    StartedEvent started = now.started();
    if (started == null) {
      return;
    }
    out.open("details", "class", "alch-settings");
    out.leaf("summary", "Settings and places");
    out.open("table", "class", "table table-bordered table-sm alch-table").open("tbody");
    setting(out, "Started", Format.time(started.timeMillis()));
    setting(out, "Warehouse", started.warehouse());
    started.settings().forEach((key, value) -> setting(out, key, value));
    out.close().close();
    out.open("p").text("The same as ").leaf("a", "JSON", "href", "json/").text(" for scripts.");
    out.close().close();
  }

  private static void setting(Markup out, String key, String value) {
    out.open("tr").leaf("th", key, "scope", "row").leaf("td", value).close();
  }

  private static String style() {
    try (InputStream in = PageBody.class.getResourceAsStream("alchemist.css")) {
      if (in == null) {
        throw new IllegalStateException(
            "alchemist.css is missing from the jar of spark-plugin; build it again.");
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
