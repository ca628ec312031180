package io.alchemist.spark.ui;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.StringReader;
import java.util.List;
import java.util.Map;
import javax.xml.parsers.DocumentBuilderFactory;
import org.apache.spark.SparkConf;
import org.apache.spark.scheduler.SparkListenerEvent;
import org.apache.spark.status.ElementTrackingStore;
import org.apache.spark.util.JsonProtocol;
import org.apache.spark.util.kvstore.InMemoryStore;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;
import org.xml.sax.InputSource;

class PageBodyTest {
  private static final long NOW = 1_800_003_600_000L;

  @Test
  void anEmptyPageSaysWhatIsAwaited() throws Exception {
    String text = text(page(List.of()));

    assertThat(text)
        .contains("No round yet: feedback is trained once some has arrived")
        .contains("No executor has reported yet")
        .contains("No version yet: the model serves as it was given")
        .contains("No round has trained yet, so there is no loss.")
        .doesNotContain("Needs attention");
  }

  @Test
  void theIntervalOfRoundsIsSaidBeforeTheFirst() throws Exception {
    StartedEvent started =
        new StartedEvent(1, "m", "", "w", Map.of(StartedEvent.ROUND_INTERVAL, "30 s"));

    assertThat(text(page(List.of(started)))).contains("feedback is trained every 30 s");
  }

  @Test
  void anHourShowsWhatAPersonOnCallNeeds() throws Exception {
    List<SparkListenerEvent> events = SampleHour.until(NOW);
    String page = page(events);
    String text = text(page);

    assertThat(text)
        .contains("Qwen/Qwen3-0.6B", "up 1 h 0 min", "Needs attention")
        .contains("Executor 3 on node-3 is lost: heartbeat timed out")
        .contains("✓ Ready", "✗ Lost", "↓ Draining", "… Starting", "✓ Live", "Replaced")
        .contains("✗ Rejected", "✓ Passed", "% of the feedback")
        .contains("Gradient error of reuse", "cosine 1.0000000", "audits");
    assertThat(page).contains("href=\"http://node-1:40401\"", "alch-cross", "alch-spark");
    assertThat(page).doesNotContain("<script", "NaN", "null", "@import", "url(");
  }

  @Test
  void hostileTextStaysText() throws Exception {
    String attack = "<script>alert('x')</script>\" onload=\"alert(1)\u0000]]>&amp;";
    ExecutorView executor = new ExecutorView(
        attack,
        attack,
        "javascript:alert(1)",
        attack,
        attack + "\n" + attack,
        attack,
        1,
        0,
        0,
        0,
        0,
        0,
        1,
        1,
        1,
        1,
        1,
        1,
        1,
        1,
        1,
        1,
        1,
        1,
        1.0,
        1.0);
    String page = page(List.of(
        new StartedEvent(1, attack, "javascript:alert(1)", attack, Map.of(attack, attack)),
        new FleetEvent(NOW, List.of(executor)),
        Events.round(1, attack, null, 1.0),
        new VersionEvent(1, null, attack, attack, attack, 1L, 1, 1.0, NOW)));

    Document document = parse(page);
    assertThat(document.getElementsByTagName("script").getLength()).isZero();
    assertThat(page).doesNotContain("href=\"javascript", "onload=\"", "\u0000");
    assertThat(document.getDocumentElement().getTextContent())
        .contains("<script>alert('x')</script>\" onload=\"alert(1)\uFFFD]]>&amp;");
  }

  @Test
  void everyPictureSaysInWordsWhatItShows() throws Exception {
    Document document = parse(page(SampleHour.until(NOW)));

    var pictures = document.getElementsByTagName("svg");
    assertThat(pictures.getLength()).isGreaterThan(15);
    for (int i = 0; i < pictures.getLength(); i++) {
      var attributes = pictures.item(i).getAttributes();
      boolean said = attributes.getNamedItem("aria-label") != null
          && !attributes.getNamedItem("aria-label").getTextContent().isBlank();
      boolean decoration = attributes.getNamedItem("aria-hidden") != null;
      assertThat(said || decoration).isTrue();
    }
    assertThat(text(page(List.of(Events.round(1, "REJECTED", null, 2.0)))))
        .contains("Round 1: training loss 2.000, held out 2.500 before and 2.400 after");
  }

  @Test
  void howWellTimesAreForetoldIsShownWhereItIsKnown() throws Exception {
    FleetEvent known = new FleetEvent(NOW, List.of(Events.executor("1", "READY", "", 0)));
    assertThat(text(page(List.of(known)))).contains("Prediction error", "steps7.0 %", "slices15 %");
    assertThat(text(page(List.of(unforetold(NOW))))).contains("steps–", "slices–");
  }

  /** As a version wrote it that did not know of predictions. */
  private static SparkListenerEvent unforetold(long millis) {
    return JsonProtocol.sparkEventFromJson("{\"Event\":\"" + FleetEvent.class.getName()
        + "\",\"timeMillis\":" + millis
        + ",\"executors\":[{\"executorId\":\"1\",\"state\":\"READY\"}]}");
  }

  @Test
  void roundsArePagedNewestFirst() throws Exception {
    List<SparkListenerEvent> rounds = new java.util.ArrayList<>();
    for (long round = 1; round <= 45; round++) {
      rounds.add(Events.round(round, "PASSED", round, 1.0));
    }

    assertThat(page(rounds, 1)).contains("page 1 of 3", "?versions=1&amp;rounds=2#rounds");
    assertThat(roundNumbers(page(rounds, 1))).hasSize(20).startsWith("45").endsWith("26");
    assertThat(roundNumbers(page(rounds, 3))).containsExactly("5", "4", "3", "2", "1");
    assertThat(roundNumbers(page(rounds, 99))).containsExactly("5", "4", "3", "2", "1");
    assertThat(roundNumbers(page(rounds, -1))).startsWith("45");
  }

  @Test
  void rejectionsInARowAndALossThatIsNoNumberNeedAttention() throws Exception {
    String text = text(page(List.of(
        Events.round(1, "PASSED", 2L, 2.0),
        Events.round(2, "REJECTED", null, 2.0),
        Events.round(3, "REJECTED", null, Double.NaN))));

    assertThat(text)
        .contains("The gate rejected the last 2 rounds: held-out loss 2.500 before, 2.400 after.")
        .contains("The loss of round 3 is NaN.");
  }

  @Test
  void aSilentDriverAndAFleetWithoutServersNeedAttention() throws Exception {
    FleetEvent fleet =
        new FleetEvent(NOW - 180_000, List.of(Events.executor("1", "STARTING", "", 0)));

    assertThat(text(page(List.of(fleet))))
        .contains("The driver has not reported its executors for 3 min 0 s")
        .contains("No executor is ready: nothing is served.");
  }

  @Test
  void jsonSaysTheSameAndIsValid() {
    Snapshot now = snapshot(SampleHour.until(NOW));
    JsonNode json = PageJson.of(now);

    assertThat(json.get("rounds")).hasSize(now.rounds().size());
    assertThat(json.at("/rounds/0/round").asLong())
        .isEqualTo(now.rounds().get(0).round());
    assertThat(json.at("/executors/0/view/executorId").asText()).isEqualTo("1");
    assertThat(json.at("/started/model").asText()).isEqualTo("Qwen/Qwen3-0.6B");
    assertThat(json.at("/liveVersion").asLong()).isEqualTo(now.liveNumber());
    assertThat(json.at("/executors/4/view/ttftMillisP99").isNull()).isTrue();
    assertThat(json.at("/executors/0/view/sliceError").asDouble()).isPositive();
    assertThat(json.at("/executors/4/view/sliceError").isNull()).isTrue();
    assertThat(json.toString()).doesNotContain("NaN");
  }

  private static List<String> roundNumbers(String page) {
    String table = page.substring(page.indexOf("id=\"rounds\""), page.indexOf("id=\"versions\""));
    return java.util.regex.Pattern.compile("<tr><td class=\"alch-number\">(\\d+)</td>")
        .matcher(table)
        .results()
        .map(match -> match.group(1))
        .toList();
  }

  private static String page(List<? extends SparkListenerEvent> events) {
    return page(events, 1);
  }

  private static String page(List<? extends SparkListenerEvent> events, int roundsPage) {
    return PageBody.render(snapshot(events), roundsPage, 1);
  }

  private static Snapshot snapshot(List<? extends SparkListenerEvent> events) {
    ElementTrackingStore store =
        new ElementTrackingStore(new InMemoryStore(), new SparkConf(false));
    AlchemistListener listener = new AlchemistListener(store, true);
    events.forEach(listener::onOtherEvent);
    return new AlchemistStore(store).snapshot(true, NOW);
  }

  private static String text(String page) throws Exception {
    return parse(page).getDocumentElement().getTextContent();
  }

  private static Document parse(String page) throws Exception {
    String whole = "<html>" + page + "</html>";
    return DocumentBuilderFactory.newInstance()
        .newDocumentBuilder()
        .parse(new InputSource(new StringReader(whole)));
  }
}
