package io.alchemist.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;

class RetentionBenchTest {
  private static FeedbackReplay replay() {
    return new FeedbackReplay(Trace.synthetic(3, 6000).atRate(5.4), FeedbackReplay.Users.NAMED, 8);
  }

  @Test
  void learntBeatsLeastRecentlyUsedAndTheFutureBeatsBoth() {
    List<String> lines = new ArrayList<>();
    Map<String, Object> figures = new RetentionBench(replay(), lines::add).run();

    Map<String, Double> rates = new HashMap<>();
    for (Object each : (List<?>) Objects.requireNonNull(figures.get("points"))) {
      Map<?, ?> point = (Map<?, ?>) each;
      if (Objects.equals(point.get("memory_share_of_an_hour"), 0.05)) {
        rates.put(String.valueOf(point.get("policy")), (Double)
            Objects.requireNonNull(point.get("hit_rate_tokens")));
      }
    }
    assertThat(rates.get("retention")).isGreaterThan(rates.get("least_recently_used"));
    assertThat(rates.get("oracle")).isGreaterThan(rates.get("retention"));
    assertThat(rates.get("random")).isLessThan(rates.get("least_recently_used"));
    assertThat(lines).anyMatch(line -> line.contains("RETENTION"));
  }

  private static double number(Map<String, Object> figures, String name) {
    return ((Number) Objects.requireNonNull(figures.get(name))).doubleValue();
  }

  @Test
  void theReplayHasTheTracesLengthsAndRealDelays() {
    Map<String, Object> figures = replay().describe();
    assertThat(number(figures, "prompt_tokens_mean")).isBetween(1000.0, 1400.0);
    assertThat(number(figures, "feedback_share")).isBetween(0.03, 0.2);
    assertThat(number(figures, "feedback_delay_p90_s")).isBetween(300.0, 3600.0);
    assertThat(figures).isEqualTo(replay().describe());
  }

  @Test
  void aTraceAgainComesLater() {
    Trace once = Trace.synthetic(1, 100);
    Trace twice = FeedbackReplay.again(once, 2);
    assertThat(twice.requests()).hasSize(200);
    assertThat(twice.requests().get(100).seconds()).isGreaterThan(once.seconds());
    assertThat(twice.requests().get(150).promptTokens())
        .isEqualTo(once.requests().get(50).promptTokens());
  }
}
