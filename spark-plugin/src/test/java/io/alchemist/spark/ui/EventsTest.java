package io.alchemist.spark.ui;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import org.apache.spark.scheduler.SparkListenerEvent;
import org.apache.spark.util.JsonProtocol;
import org.junit.jupiter.api.Test;

/** The events survive Spark's event log, whatever version of them wrote it. */
class EventsTest {
  private static final String PACKAGE = "io.alchemist.spark.ui.";

  @Test
  void everyEventOfAnHourComesBackAsItWas() {
    for (SparkListenerEvent event : SampleHour.until(1_800_000_000_000L)) {
      assertThat(read(written(event))).isEqualTo(event);
    }
  }

  @Test
  void whatIsNullOrNotANumberComesBackAsItWas() {
    RoundEvent round = Events.round(3, "SKIPPED: no held-out feedback", null, Double.NaN);
    VersionEvent version = new VersionEvent(1, null, "LIVE", "", "", null, 0, null, 5);

    assertThat(read(written(round))).isEqualTo(round);
    assertThat(read(written(version))).isEqualTo(version);
  }

  @Test
  void aNewerVersionsPropertiesAreIgnored() {
    String json = written(Events.round(3, "PASSED", 4L, 1.5));
    String newer = json.replaceFirst("\\{", "{\"addedLater\":{\"a\":[1]},");

    assertThat(read(newer)).isEqualTo(Events.round(3, "PASSED", 4L, 1.5));
    assertThat(read("{\"Event\":\"" + PACKAGE + "FleetEvent\",\"timeMillis\":7,\"executors\":"
            + "[{\"executorId\":\"1\",\"addedLater\":true}]}"))
        .isInstanceOfSatisfying(FleetEvent.class, fleet -> {
          assertThat(fleet.executors().get(0).executorId()).isEqualTo("1");
          assertThat(fleet.executors().get(0).stepError()).isNull();
        });
  }

  @Test
  void anOlderVersionsEventsReadWithoutWhatTheyLack() {
    assertThat(read("{\"Event\":\"" + PACKAGE + "FleetEvent\",\"timeMillis\":7}"))
        .isEqualTo(new FleetEvent(7, List.of()));
    assertThat(read("{\"Event\":\"" + PACKAGE + "StartedEvent\",\"timeMillis\":7}"))
        .isEqualTo(new StartedEvent(7, "", "", "", Map.of()));
    assertThat(read("{\"Event\":\"" + PACKAGE + "VersionEvent\",\"version\":7}"))
        .isEqualTo(new VersionEvent(7, null, "", "", "", null, 0, null, 0));
    assertThat(read("{\"Event\":\"" + PACKAGE + "RoundEvent\",\"round\":7}"))
        .isInstanceOfSatisfying(RoundEvent.class, round -> {
          assertThat(round.gate()).isEmpty();
          assertThat(round.loss()).isNull();
        });
  }

  private static String written(SparkListenerEvent event) {
    return JsonProtocol.sparkEventToJsonString(event);
  }

  private static SparkListenerEvent read(String json) {
    return JsonProtocol.sparkEventFromJson(json);
  }
}
