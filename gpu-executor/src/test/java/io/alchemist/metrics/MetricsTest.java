package io.alchemist.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class MetricsTest {
  private final Metrics metrics = new Metrics();

  @Test
  void textIsPrometheus() {
    metrics.counter("b_total", "Things \\ done.").add(3);
    metrics
        .counters("a_total", "By kind.", "kind", "why")
        .labels("x\"\\\n", "y")
        .increment();
    metrics.gauge("level", "Level.", () -> 1.5);
    Histogram seconds = metrics.histogram("step_seconds", "Steps.", Buckets.of(0.1, 1));
    seconds.observe(0.1);
    seconds.observe(0.5);
    seconds.observeNanos(2_000_000_000L);
    seconds.observe(Double.NaN);

    assertThat(metrics.prometheusText())
        .isEqualTo(
            """
            # HELP a_total By kind.
            # TYPE a_total counter
            a_total{kind="x\\"\\\\\\n",why="y"} 1
            # HELP b_total Things \\\\ done.
            # TYPE b_total counter
            b_total 3
            # HELP level Level.
            # TYPE level gauge
            level 1.5
            # HELP step_seconds Steps.
            # TYPE step_seconds histogram
            step_seconds_bucket{le="0.1"} 1
            step_seconds_bucket{le="1"} 2
            step_seconds_bucket{le="+Inf"} 3
            step_seconds_sum 2.6
            step_seconds_count 3
            """);
  }

  @Test
  void aBrokenOrUnsetGaugeIsNaN() {
    metrics.gauge("broken", "Broken.", () -> {
      throw new IllegalStateException("no");
    });
    Gauge set = metrics.gauges("set", "Set.", "tier").labels("device");

    assertThat(metrics.prometheusText()).contains("broken NaN\n", "set{tier=\"device\"} NaN\n");
    set.set(Double.POSITIVE_INFINITY);
    assertThat(metrics.prometheusText()).contains("set{tier=\"device\"} +Inf\n");
  }

  @Test
  void declaringAgainGivesTheSame() {
    metrics.counter("a_total", "A.").increment();
    metrics.counter("a_total", "A.").increment();

    assertThat(metrics.counter("a_total", "A.").value()).isEqualTo(2);
    assertThatThrownBy(() -> metrics.counter("a_total", "B."))
        .hasMessageContaining("Metric a_total is declared twice");
    metrics.histogram("h_seconds", "H.", Buckets.of(1));
    assertThatThrownBy(() -> metrics.histogram("h_seconds", "H.", Buckets.of(2)))
        .hasMessage("Metric h_seconds is declared twice, with Buckets[1.0] and with Buckets[2.0].");
  }

  @Test
  void namesAreChecked() {
    assertThatThrownBy(() -> metrics.counter("Bad-Name_total", "X."))
        .hasMessage("Metric name \"Bad-Name_total\" is not lower-case words joined by '_'.");
    assertThatThrownBy(() -> metrics.counter("things", "X."))
        .hasMessage("Metric things is a counter, so its name must end in _total.");
    assertThatThrownBy(() -> metrics.gauge("a_total", "X.", () -> 1))
        .hasMessage("Metric a_total is a gauge, so its name must not end in _total.");
    assertThatThrownBy(() -> metrics.histogram("a_sum", "X.", Buckets.of(1)))
        .hasMessage("Metric a_sum ends in a suffix that its own series get; choose another name.");
    assertThatThrownBy(() -> metrics.gauge("a", " ", () -> 1))
        .hasMessage("Metric a needs a help text of one line.");
    assertThatThrownBy(() -> metrics.gauges("a", "X.", "le")).hasMessageContaining("reserved");
    assertThatThrownBy(() -> metrics.gauges("a", "X.", "b", "b"))
        .hasMessage("Metric a names a label twice: [b, b].");
    assertThatThrownBy(() -> metrics.gauges("a", "X.", "b").labels())
        .hasMessage("Metric a has the labels [b], but was given the values [].");
    assertThatThrownBy(() -> metrics.counter("a_total", "X.").add(-1))
        .hasMessage("A counter only grows, but was to grow by -1; a gauge can fall.");
    assertThatThrownBy(() -> Buckets.of(1, 1))
        .hasMessage("Bucket bounds must be finite and rise, but are [1.0, 1.0].");
  }

  @Test
  void allAreListedForTheDocumentation() {
    metrics.gauges("b", "B.", "x", "y");
    metrics.counter("a_total", "A.");

    assertThat(metrics.all())
        .containsExactly(
            new MetricInfo("a_total", MetricInfo.Type.COUNTER, "A.", List.of()),
            new MetricInfo("b", MetricInfo.Type.GAUGE, "B.", List.of("x", "y")));
  }

  @Test
  void quantilesAreLinearWithinABucket() {
    Histogram histogram = metrics.histogram("h_seconds", "H.", Buckets.of(1, 2, 4));
    assertThat(histogram.quantile(0.5)).isNaN();
    for (int i = 0; i < 10; i++) {
      histogram.observe(0.5);
      histogram.observe(3);
    }

    assertThat(histogram.quantile(0.25)).isCloseTo(0.5, within(1e-9));
    assertThat(histogram.quantile(0.75)).isCloseTo(3, within(1e-9));
    assertThat(histogram.quantile(1)).isEqualTo(4);
    histogram.observe(1000);
    assertThat(histogram.quantile(1)).isEqualTo(4);
    assertThatThrownBy(() -> histogram.quantile(2))
        .hasMessage("A quantile is in [0, 1], but 2.0 was asked for.");
  }

  @Property(tries = 200)
  void quantileIsWithinABucketOfTheTruth(
      @ForAll @Size(min = 1, max = 50) List<@DoubleRange(min = 0.01, max = 15) Double> values,
      @ForAll @DoubleRange(min = 0, max = 1) double q) {
    Histogram histogram =
        new Metrics().histogram("h_seconds", "H.", Buckets.exponential(0.001, 2, 15));
    values.forEach(histogram::observe);
    List<Double> sorted = values.stream().sorted().toList();
    double truth = sorted.get((int) Math.max(0, Math.ceil(q * sorted.size()) - 1));

    assertThat(histogram.quantile(q)).isBetween(truth / 2.001, truth * 2.001);
    assertThat(histogram.count()).isEqualTo(values.size());
  }

  @Test
  void countsFromManyThreadsAddUp() throws InterruptedException {
    Counter counter = metrics.counter("a_total", "A.");
    Histogram histogram = metrics.histogram("h_seconds", "H.", Buckets.SECONDS);
    ExecutorService threads = Executors.newFixedThreadPool(4);
    for (int t = 0; t < 4; t++) {
      threads.execute(() -> {
        for (int i = 0; i < 10_000; i++) {
          counter.increment();
          histogram.observe(1);
        }
      });
    }
    threads.shutdown();

    assertThat(threads.awaitTermination(10, TimeUnit.SECONDS)).isTrue();
    assertThat(counter.value()).isEqualTo(40_000);
    assertThat(histogram.count()).isEqualTo(40_000);
    assertThat(histogram.sum()).isEqualTo(40_000);
  }
}
