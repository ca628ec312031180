package io.alchemist.spark.rounds;

import static org.assertj.core.api.Assertions.assertThat;

import io.alchemist.spark.rounds.RoundObserver.Step;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The job is killed at each step of a round and started again on what it left. In the end every feedback has been dealt with
 * once, and the versions descend from each other without a gap.
 */
class ExactlyOnceTest {

  @Test
  void nothingIsLostOrTrainedTwiceWhereverTheProcessDies(@TempDir Path folder) throws Exception {
    // Two jobs of their own, since starting one takes long.
    List<Step> even = new ArrayList<>();
    List<Step> odd = new ArrayList<>();
    for (Step step : Step.values()) {
      (even.size() > odd.size() ? odd : even).add(step);
    }
    ExecutorService threads = Executors.newFixedThreadPool(2);
    try {
      Future<?> first = threads.submit(() -> killAtEach(even, folder.resolve("even"), 1));
      Future<?> second = threads.submit(() -> killAtEach(odd, folder.resolve("odd"), 3));
      assertThat(first.get()).isNull();
      assertThat(second.get()).isNull();
    } finally {
      threads.shutdownNow();
    }
  }

  /** Each round has two examples; with more for a step, gradients are accumulated, and those of before a kill taken again. */
  private static @Nullable Void killAtEach(List<Step> steps, Path warehouse, int minExamples)
      throws Exception {
    List<String> given = new ArrayList<>();
    for (Step step : steps) {
      String name = "at-" + step;
      try (Child job = start(warehouse, name, step.name(), minExamples)) {
        job.await("GIVEN");
        String unused = job.await("STOPPED");
        job.kill();
      }
      given.addAll(feedback(name));
    }
    try (Child job = start(warehouse, "verify", "none", minExamples)) {
      String decided = job.await("DECIDED");
      String quarantined = job.await("QUARANTINED");
      assertThat(job.await("LINEAGE")).isEqualTo("[]");
      String versions = job.await("VERSIONS");
      List<Integer> examples = Stream.of(
              job.await("EXAMPLES").replaceAll("[\\[\\] ]", "").split(",", -1))
          .map(Integer::valueOf)
          .toList();
      String parents = job.await("PARENTS");
      String live = job.await("LIVE");

      for (String id : given) {
        assertThat(decided).contains(id + "=1");
        if (id.endsWith("-nonsense")) {
          assertThat(quarantined).contains(id + "=1");
        } else {
          assertThat(quarantined).doesNotContain(id);
        }
      }
      List<String> numbers = List.of(versions.replaceAll("[\\[\\] ]", "").split(",", -1));
      assertThat(numbers).hasSizeGreaterThan(steps.size() / 2);
      for (int i = 0; i < numbers.size(); i++) {
        assertThat(numbers.get(i)).isEqualTo(Integer.toString(i + 1));
      }
      assertThat(examples.subList(1, examples.size()))
          .allMatch(count -> count >= minExamples)
          .satisfies(all -> assertThat(all.stream().mapToInt(Integer::intValue).sum())
              .isBetween(2 * steps.size() - minExamples + 1, 2 * steps.size()));
      assertThat(parents).startsWith("[null, 1, 2");
      assertThat(live).isEqualTo(numbers.get(numbers.size() - 1) + " true");
      assertThat(job.await("CLOSED")).isEmpty();
    }
    return null;
  }

  private static List<String> feedback(String name) {
    return List.of(name + "-right", name + "-wrong", name + "-nonsense");
  }

  private static Child start(Path warehouse, String name, String stopAt, int minExamples)
      throws IOException {
    return Child.start(
        CrashingJob.class, warehouse.toString(), name, stopAt, Integer.toString(minExamples));
  }
}
