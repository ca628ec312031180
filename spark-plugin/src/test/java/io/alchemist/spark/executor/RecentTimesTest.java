package io.alchemist.spark.executor;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.LongRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class RecentTimesTest {
  private final RecentTimes times = new RecentTimes();

  @Test
  void isZeroBeforeTheFirst() {
    assertThat(times.millis(0.5)).isZero();
  }

  @Test
  void givesQuantilesInMilliseconds() {
    for (int i = 100; i >= 0; i--) {
      times.add(i * 1_000_000L);
    }
    assertThat(times.millis(0)).isEqualTo(0);
    assertThat(times.millis(0.5)).isEqualTo(50);
    assertThat(times.millis(0.99)).isEqualTo(99);
    assertThat(times.millis(1)).isEqualTo(100);
  }

  @Test
  void forgetsTheOldest() {
    times.add(1_000_000_000L);
    for (int i = 0; i < 512; i++) {
      times.add(2_000_000L);
    }
    assertThat(times.millis(1)).isEqualTo(2);
  }

  @Property
  void aQuantileIsOneOfTheTimes(
      @ForAll @Size(min = 1, max = 700)
          List<@LongRange(min = 0, max = 1_000_000_000_000L) Long> all,
      @ForAll @DoubleRange(min = 0, max = 1) double q) {
    RecentTimes recent = new RecentTimes();
    all.forEach(recent::add);
    List<Long> kept = all.subList(Math.max(0, all.size() - 512), all.size());
    assertThat(kept.stream().map(nanos -> nanos / 1e6)).contains(recent.millis(q));
    assertThat(recent.millis(q)).isLessThanOrEqualTo(recent.millis(1));
  }
}
