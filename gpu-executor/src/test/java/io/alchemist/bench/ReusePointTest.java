package io.alchemist.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.alchemist.bench.ReuseGrid.Lengths;
import io.alchemist.bench.ReuseGrid.Memory;
import io.alchemist.bench.ReuseGrid.Mode;
import io.alchemist.bench.ReuseGrid.Point;
import io.alchemist.train.GradientReport;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.RopeConfig;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

class ReusePointTest {
  private static final long SECOND = 1_000_000_000L;
  private static final ModelConfig MODEL =
      new ModelConfig("llama", 10, 4, 2, 1, 1, 4, 8, 1e-5f, RopeConfig.plain(10_000), 512, true);

  private static GradientReport report(
      int reused, long forward, long backward, double predictedSeconds) {
    return new GradientReport(4, 1, 1, 1000 - reused, reused, 0, 1000, 1, forward, backward, (long)
        (predictedSeconds * SECOND));
  }

  /** Forward takes 1 s and backward 2; half of the tokens are reused. */
  private static ReusePoint measured() {
    ReusePoint point =
        new ReusePoint(MODEL, new Point(Mode.LORA, Lengths.CHAT, 0.5, Memory.HOST, false));
    point.recomputed(report(0, SECOND, 2 * SECOND, 3), 3, 400);
    point.checkpointed(3.75, 160);
    point.reused(report(500, SECOND / 2, 2 * SECOND, 2.4), 2.5, 100);
    point.gradientError(3e-7);
    return point;
  }

  @Test
  void boundsFollowFromWhatForwardAndBackwardTook() {
    ReusePoint point = measured();
    assertThat(point.speedup()).isEqualTo(1.2);
    assertThat(point.bound()).isEqualTo(3 / 2.5, within(1e-12));
    assertThat(point.shareOfBound()).isEqualTo(1, within(1e-12));
    assertThat(point.speedupOverCheckpointing()).isEqualTo(1.5);
    assertThat(point.boundOverCheckpointing()).isEqualTo(4.0 / 3, within(1e-12));
    assertThat(point.memorySaved()).isEqualTo(0.75);
    assertThat(point.predictionError()).isEqualTo(2.4 / 2.5 - 1, within(1e-9));
  }

  @Test
  void whatIsLeftOfForwardIsMoreThanItsShareOfTheTokens() {
    // Of 499 tokens 250 are reused; the 249 others predict. A token is 160 multiply-adds of linear
    // layers, 32 of them for
    // keys and values; each pair of a query and a key is 8.
    double pairsOfLast = 249 * 250 + 249 * 250 / 2.0;
    double left = 2 * (249 * 160 + 8 * pairsOfLast);
    double all = 499 * 160 + 8 * (499 * 500 / 2.0) + 249 * 160 + 250 * 32 + 8 * pairsOfLast;
    assertThat(measured().boundByOperations()).isEqualTo(3 / (2 + left / all), within(1e-12));
    assertThat(measured().boundByOperations()).isLessThan(measured().bound());
  }

  /** Whoever reads the JSON relies on these names. */
  @Test
  void figuresHaveTheirNames() {
    Map<String, Object> figures = measured().figures();
    assertThat(figures)
        .containsKeys(
            "mode",
            "p",
            "lengths",
            "memory",
            "shared_prefix",
            "forward_s",
            "backward_s",
            "recompute_tokens_per_s",
            "checkpoint_tokens_per_s",
            "reuse_tokens_per_s",
            "bound",
            "share_of_bound",
            "bound_by_operations",
            "share_of_bound_by_operations",
            "peak_bytes_recompute",
            "peak_bytes_reuse",
            "gradient_relative_error",
            "planner_predicted_s",
            "planner_measured_s")
        .containsEntry("mode", "lora")
        .containsEntry("memory", "host")
        .containsEntry("p", 0.5)
        .containsEntry("reused_share", 0.5)
        .containsEntry("reuse_tokens_per_s", 4 * 499 / 2.5);
  }

  @Test
  void theGridHasAllThatItPromises() {
    List<Point> points = ReuseGrid.points(false);
    assertThat(points).doesNotHaveDuplicates();
    for (Mode mode : Mode.values()) {
      for (Lengths lengths : Lengths.values()) {
        for (double p : new double[] {0.32, 0.5, 0.94, 1}) {
          for (Memory memory : Memory.values()) {
            assertThat(points).contains(new Point(mode, lengths, p, memory, false));
          }
        }
      }
      assertThat(points)
          .contains(new Point(mode, Lengths.CHAT, 1, Memory.DEVICE, true))
          .contains(new Point(mode, Lengths.CHAT, 1, Memory.HOST, true));
    }
    assertThat(points).containsAll(ReuseGrid.points(true));
    assertThat(points)
        .filteredOn(point -> point.isAmong(
            Set.of(Mode.FULL), Set.of(Lengths.LONG), Set.of(Memory.HALF), Set.of(1.0)))
        .hasSize(1);
  }
}
