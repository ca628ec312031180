package io.alchemist.spark.ui;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.apache.spark.scheduler.SparkListenerEvent;

/** An hour of events as a job with four executors would post them: one is lost, one starts late, some rounds are rejected. */
final class SampleHour {
  static final long MIB = 1L << 20;
  static final String QUERY = "5d0c7f0e-feedback";

  private static final long FLEET_MILLIS = 10_000;
  private static final long ROUND_MILLIS = 55_000;

  private final Random random = new Random(7);
  private final long startMillis;
  private final List<SparkListenerEvent> events = new ArrayList<>();
  private long live;
  private long newest;
  private double loss = 2.31;
  private double heldOut = 2.38;

  private SampleHour(long endMillis) {
    startMillis = endMillis - 3_600_000;
  }

  /** The events in their order, the last one at {@code endMillis}. */
  static List<SparkListenerEvent> until(long endMillis) {
    return new SampleHour(endMillis).events();
  }

  private List<SparkListenerEvent> events() {
    Map<String, String> settings = new TreeMap<>();
    settings.put(StartedEvent.ROUND_INTERVAL, "55 s");
    settings.put("spark.alchemist.lora.rank", "16");
    settings.put("spark.alchemist.reuse.maxStaleness", "4");
    events.add(new StartedEvent(
        startMillis,
        "Qwen/Qwen3-0.6B",
        "http://127.0.0.1:8080",
        "/srv/alchemist/warehouse",
        settings));
    events.add(new VersionEvent(0, null, "LIVE", "", "", null, 0, null, startMillis));
    long round = 0;
    for (long millis = 0; millis <= 3_600_000; millis += FLEET_MILLIS) {
      if (millis / ROUND_MILLIS > round && millis > 2 * ROUND_MILLIS) {
        round++;
        round(round, startMillis + millis);
      }
      fleet(startMillis + millis, millis / 3_600_000.0);
    }
    return events;
  }

  private void round(long number, long millis) {
    boolean rejected = number % 17 == 9;
    loss =
        Math.max(1.2, loss * (0.988 + 0.012 * random.nextDouble())) + 0.04 * random.nextGaussian();
    double before = heldOut;
    double after = rejected ? before + 0.11 : before - 0.018 * random.nextDouble();
    int examples = 24 + random.nextInt(40);
    long reused = examples * (180L + random.nextInt(120));
    long recomputed = examples * (10L + random.nextInt(90));
    long quarantined = number % 11 == 3 ? 2 : 0;
    newest++;
    Long to = rejected ? null : newest;
    events.add(new RoundEvent(
        number,
        QUERY,
        number - 1,
        live,
        to,
        4,
        examples,
        examples + 9 + quarantined,
        examples,
        4,
        5,
        quarantined,
        random.nextInt(3),
        loss,
        0.6 + random.nextDouble(),
        rejected ? "REJECTED" : "PASSED",
        before,
        after,
        examples * 38L,
        reused,
        recomputed,
        1_900 + 500 * random.nextDouble(),
        3,
        4 + 3 * random.nextDouble(),
        millis));
    events.add(new VersionEvent(
        newest,
        live,
        rejected ? "REJECTED" : "LIVE",
        "/srv/alchemist/warehouse/versions/" + newest,
        QUERY,
        number - 1,
        examples,
        loss,
        millis));
    if (number % 10 == 4) {
      events.add(new AuditEvent(
          number,
          reused + recomputed + examples * 38L,
          reused,
          0.4,
          0.9,
          2e-7 + 2e-7 * random.nextDouble(),
          1 - 1e-13,
          millis + 900));
    }
    if (!rejected) {
      live = newest;
      heldOut = after;
    }
  }

  private void fleet(long millis, double share) {
    List<ExecutorView> views = new ArrayList<>();
    views.add(view(1, share, "READY", ""));
    views.add(view(2, share, "READY", ""));
    views.add(
        share > 0.8
            ? view(3, 0.8, "LOST", "heartbeat timed out after 120 s; container killed by the node")
            : view(3, share, "READY", ""));
    views.add(
        share < 0.9
            ? view(4, share, "READY", "")
            : view(4, share, "DRAINING", "2 requests to finish"));
    if (share > 0.98) {
      views.add(new ExecutorView(
          "10",
          "node-10",
          "",
          "STARTING",
          "loading weights, 62 %",
          "cpu, 16 threads",
          -1,
          0,
          0,
          0,
          0,
          0,
          Double.NaN,
          Double.NaN,
          Double.NaN,
          Double.NaN,
          -1,
          -1,
          -1,
          -1,
          900 * MIB,
          900 * MIB,
          8_192 * MIB,
          -1,
          Double.NaN,
          Double.NaN));
    }
    events.add(new FleetEvent(millis, views));
  }

  private ExecutorView view(int id, double share, String state, String detail) {
    double wave = 1 + 0.35 * Math.sin(share * 14 + id) + 0.08 * random.nextGaussian();
    long requests = (long) (share * 5_000 * (1 + id * 0.1));
    long kv = (long) ((900 + 300 * wave) * MIB);
    long activations = (long) ((1_500 + 600 * wave) * MIB);
    return new ExecutorView(
        Integer.toString(id),
        "node-" + id,
        "http://node-" + id + ":4040" + id,
        state,
        detail,
        "cpu, 16 threads",
        id == 3 && state.equals("LOST") ? live / 2 : live,
        (int) (6 * wave),
        id == 2 ? (int) (9 * wave) : 1,
        requests,
        requests * 260,
        (long) (share * 1_300_000 * (1 + id * 0.1) + 20_000 * Math.sin(share * 30 + id) + 20_000),
        38 * wave,
        170 * wave + (id == 2 ? 90 : 0),
        11 * wave,
        24 * wave,
        kv,
        activations,
        (long) (5_200 * share * MIB),
        (long) (share > 0.4 ? 9_000 * (share - 0.4) * MIB : 0),
        3_000 * MIB + kv + activations,
        (id == 2 ? 8_100 : 7_400) * MIB,
        8_192 * MIB,
        1_180 * MIB,
        0.07 * wave,
        0.15 * wave);
  }
}
