package io.alchemist.spark.rounds;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Two executors in processes of their own. */
class ClusterTest {

  @Test
  void twoExecutorsLearnAsOneAndOneMayDie(@TempDir Path warehouse) throws Exception {
    try (Child job = Child.start(ClusterJob.class, warehouse.toString())) {
      assertThat(job.await("EXECUTORS")).isEqualTo("2");

      String[] gradient = job.await("GRADIENT").split(" ", -1);
      assertThat(gradient[0]).as("executors").isEqualTo("2");
      assertThat(Long.parseLong(gradient[1])).as("reused tokens").isPositive();
      assertThat(Double.parseDouble(gradient[2])).as("relative error").isLessThan(1e-5);

      assertThat(job.await("ROUND"))
          .as("examples, executors, recomputed tokens")
          .isEqualTo("8 2 0");

      assertThat(job.await("KILLED")).isEqualTo("true");
      assertThat(job.await("BROKEN")).as("examples, trained, version").isEqualTo("8 8 3");
      assertThat(job.await("AGAIN")).isEqualTo("true");
      assertThat(job.await("CLOSED")).isEmpty();
    }
  }
}
