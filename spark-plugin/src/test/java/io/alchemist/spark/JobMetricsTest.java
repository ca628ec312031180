package io.alchemist.spark;

import static org.assertj.core.api.Assertions.assertThat;

import io.alchemist.metrics.Metrics;
import io.alchemist.spark.fleet.Fleet;
import io.alchemist.spark.rounds.Audit;
import io.alchemist.spark.rounds.RoundRecords;
import org.junit.jupiter.api.Test;

class JobMetricsTest {
  private final Metrics metrics = new Metrics();
  private final JobMetrics job = new JobMetrics(metrics, new Fleet());

  @Test
  void roundsAreCountedByTheirVerdict() {
    job.round(RoundRecords.live(0, 2));
    job.round(RoundRecords.rejected(1, 3));
    job.round(RoundRecords.rejected(2, 4));
    job.round(RoundRecords.rejected(2, 4)); // made true again
    assertThat(metrics.prometheusText())
        .contains("alchemist_rounds_total{gate=\"skipped\"} 1\n")
        .contains("alchemist_rounds_total{gate=\"rejected\"} 2\n")
        .contains("alchemist_round_seconds_count 3\n")
        // What was rejected does not serve.
        .contains("alchemist_published_version 2\n")
        .contains("alchemist_executors_ready 0\n");
  }

  @Test
  void feedbackIsCountedByWhatBecameOfIt() {
    job.round(RoundRecords.live(0, 2));
    long trained = RoundRecords.live(0, 2).trained().size();
    assertThat(trained).isPositive();
    assertThat(metrics.prometheusText())
        .contains("alchemist_round_feedback_total{outcome=\"trained\"} " + trained + "\n")
        .contains("alchemist_round_feedback_total{outcome=\"quarantined\"} 0\n");
  }

  @Test
  void theLastAuditIsShown() {
    job.audited(new Audit(1, 10, 9, 0.5, 1, 2.5e-7, 1));
    assertThat(metrics.prometheusText())
        .contains("alchemist_reuse_gradient_relative_error 2.5E-7\n")
        .contains("alchemist_reuse_gradient_cosine 1");
  }
}
