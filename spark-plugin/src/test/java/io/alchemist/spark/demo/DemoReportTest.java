package io.alchemist.spark.demo;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

class DemoReportTest {
  private static final UserCounts USERS = new UserCounts(900, 450, 500, 200, 210, 150, 250, 12, 1);

  @Test
  void jsonHasTheseKeysAndNoOthers() throws Exception {
    JsonNode json = new ObjectMapper().readTree(report(0.02, 0.98, 0.97, 0.95).toJson());
    assertThat(json.fieldNames())
        .toIterable()
        .containsExactly(
            "accuracy_before",
            "accuracy_after",
            "accuracy_other_before",
            "accuracy_other_after",
            "rounds",
            "versions",
            "feedback_received",
            "feedback_trained",
            "feedback_quarantined",
            "reused_prompt_token_share",
            "train_tokens_per_s_reuse",
            "train_tokens_per_s_recompute",
            "ttft_ms_p50",
            "ttft_ms_p99",
            "tpot_ms_p50",
            "tpot_ms_p99",
            "seconds");
    assertThat(json.path("accuracy_after").asDouble()).isEqualTo(0.98);
    assertThat(json.path("rounds").isIntegralNumber()).isTrue();
    assertThat(json.path("train_tokens_per_s_recompute").isNull()).isTrue();
    assertThat(json.path("ttft_ms_p50").asDouble()).isEqualTo(12.3457);
  }

  @Test
  void theTableIsAligned() {
    String table = report(0.02, 0.98, 0.97, 0.95).toTable();
    assertThat(table)
        .containsPattern("Accuracy on what has changed +2\\.0 % -> 98\\.0 %")
        .containsPattern("Peak in host memory +2\\.0 MiB")
        .containsPattern("Adapter +/tmp/adapter");
    int column = table.indexOf("2.0 %");
    assertThat(table.lines()).allSatisfy(line -> {
      assertThat(line.charAt(column - 1)).isEqualTo(' ');
      assertThat(line.charAt(column)).isNotEqualTo(' ');
    });
    assertThat(table.indexOf("Peak in device")).isLessThan(table.indexOf("Peak in host memory"));
  }

  @Test
  void whatWasNotKeptIsSaid() {
    assertThat(report(0.02, 0.98, 0.97, 0.90).shortfalls()).isEmpty();
    assertThat(report(0.02, 0.98, 0.8, 0.7).shortfalls()).as("one of ten").isEmpty();
    assertThat(report(0.3, 0.98, 0.97, 0.95).shortfalls())
        .singleElement()
        .asString()
        .contains("30.0 %");
    assertThat(report(0.02, 0.7, 0.97, 0.95).shortfalls())
        .singleElement()
        .asString()
        .contains("70.0 %");
    assertThat(report(0.02, 0.98, 0.97, 0.8).shortfalls())
        .singleElement()
        .asString()
        .contains("97.0 % to 80.0 %");
    assertThat(report(Double.NaN, 0.98, 0.97, Double.NaN).shortfalls()).hasSize(2);
    assertThat(report(0.02, 0.98, 0.97, 0.95, 3e-4).shortfalls())
        .singleElement()
        .asString()
        .contains("3.0e-04 off the recomputed one, more than 1e-05");
    assertThat(report(0.02, 0.98, 0.97, 0.95, Double.NaN).shortfalls())
        .as("no round was audited")
        .isEmpty();
  }

  private static DemoReport report(
      double before, double after, double otherBefore, double otherAfter) {
    return report(before, after, otherBefore, otherAfter, 1e-7);
  }

  private static DemoReport report(
      double before, double after, double otherBefore, double otherAfter, double gradientError) {
    Map<String, Long> peaks = new LinkedHashMap<>();
    peaks.put("device", 4L << 20);
    peaks.put("host memory", 2L << 20);
    return new DemoReport(
        before,
        after,
        otherBefore,
        otherAfter,
        20,
        19,
        410,
        380,
        12,
        0.91,
        2_000,
        Double.NaN,
        gradientError,
        12.345678,
        50,
        4,
        9,
        100.5,
        USERS,
        peaks,
        Map.of("Adapter", "/tmp/adapter"));
  }
}
