package io.alchemist.spark.rounds;

import static org.assertj.core.api.Assertions.assertThat;

import io.alchemist.spark.rounds.RoundObserver.Step;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The job is killed at each step of a round and started again on what it left. In the end every feedback has been dealt with
 * once, and the versions descend from each other without a gap.
 */
class ExactlyOnceTest {

  @Test
  void nothingIsLostOrTrainedTwiceWhereverTheProcessDies(
      @TempDir Path warehouse, @TempDir Path folder) throws Exception {
    SharedClasses classes = new SharedClasses(folder);
    List<String> given = new ArrayList<>();
    // The first one is not killed: only a process that ends writes the archive.
    try (Child job = start(classes, warehouse, "first", "none")) {
      assertThat(job.await("CLOSED")).isEmpty();
      job.awaitEnd();
    }
    given.addAll(feedback("first"));
    for (Step step : Step.values()) {
      String name = "at-" + step;
      try (Child job = start(classes, warehouse, name, step.name())) {
        job.await("GIVEN");
        String unused = job.await("STOPPED");
        job.kill();
      }
      given.addAll(feedback(name));
    }
    try (Child job = start(classes, warehouse, "verify", "none")) {
      String decided = job.await("DECIDED");
      String quarantined = job.await("QUARANTINED");
      assertThat(job.await("LINEAGE")).isEqualTo("[]");
      String versions = job.await("VERSIONS");
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
      assertThat(numbers).hasSizeGreaterThan(Step.values().length / 2);
      for (int i = 0; i < numbers.size(); i++) {
        assertThat(numbers.get(i)).isEqualTo(Integer.toString(i + 1));
      }
      assertThat(parents).startsWith("[null, 1, 2");
      assertThat(live).isEqualTo(numbers.get(numbers.size() - 1) + " true");
      assertThat(job.await("CLOSED")).isEmpty();
    }
  }

  private static List<String> feedback(String name) {
    return List.of(name + "-right", name + "-wrong", name + "-nonsense");
  }

  private static Child start(SharedClasses classes, Path warehouse, String name, String stopAt)
      throws IOException {
    return Child.start(classes.flags(), CrashingJob.class, warehouse.toString(), name, stopAt);
  }
}
