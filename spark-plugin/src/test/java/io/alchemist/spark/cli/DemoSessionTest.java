package io.alchemist.spark.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.alchemist.spark.conf.AlchemistConf;
import java.nio.file.Path;
import org.apache.spark.SparkConf;
import org.junit.jupiter.api.Test;

class DemoSessionTest {
  private static final long MIB = 1L << 20;
  private static final Path HELP_DESK =
      Path.of("..", "models", "help-desk").toAbsolutePath().normalize();

  private static SparkConf conf(String master) {
    return DemoSession.conf(master, 0, HELP_DESK, Path.of("warehouse"));
  }

  @Test
  void settingsExistAndMakeSense() {
    assertThat(AlchemistConf.check(conf("local[2]"))).containsKey(AlchemistConf.MODEL.key());
  }

  @Test
  void memoryAndTimeFollowFromTheWeights() {
    assertThat(DemoSession.deviceBytes(512 * MIB, 8_192 * MIB)).isEqualTo(4_096 * MIB);
    assertThat(DemoSession.tokenMillis(512 * MIB)).isEqualTo(215);
    assertThat(DemoSession.tokenMillis(4 * MIB)).as("a small model").isEqualTo(50);
  }

  @Test
  void takesNoMoreThanTheJvmMayHave() {
    assertThat(DemoSession.deviceBytes(512 * MIB, 3_000 * MIB)).isEqualTo(2_360 * MIB);
  }

  @Test
  void executorsOfTheirOwnMayHaveWhatTheyAreTold() {
    SparkConf conf = conf("local-cluster[3, 1,3072]");
    assertThat(AlchemistConf.MIN_EXECUTORS.in(conf)).isEqualTo(3);
    long deviceMib = AlchemistConf.DEVICE_MEMORY.in(conf) / MIB;
    assertThat(deviceMib).isBetween(1_024L, 1_200L);
    String options = conf.get("spark.executor.extraJavaOptions");
    long directBytes = Long.parseLong(options.replaceAll(".*MaxDirectMemorySize=(\\d+).*", "$1"));
    assertThat(directBytes)
        .isGreaterThan(AlchemistConf.DEVICE_MEMORY.in(conf) + AlchemistConf.HOST_MEMORY.in(conf));
  }
}
