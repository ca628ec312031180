package io.alchemist.spark.conf;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Writes {@code docs/configuration.md}: {@link AlchemistConf} as tables, with the settings of Spark that go with it. */
final class ConfigurationPage {
  private static final String INTRODUCTION =
      """
      # Configuration

      Alchemist is configured by Spark's own means: `--conf key=value` of `spark-submit`, `conf/spark-defaults.conf`
      ([template](../conf/spark-defaults.conf.template)) or the session's builder. Settings are read and checked when the
      application starts, a wrong or unknown one ends it, and they don't change while it runs. Only
      `spark.alchemist.model` must be set.

      Sizes are written as `512m` or `4g` (a bare number is bytes), times as `500ms`, `10s` or `5min` (a bare number is
      milliseconds).

      ## Settings of Spark

      | key | value | why |
      |---|---|---|
      | `spark.plugins` | `io.alchemist.spark.AlchemistPlugin` | starts an engine in every executor |
      | `spark.sql.extensions` | `io.delta.sql.DeltaSparkSessionExtension` | the tables are Delta tables |
      | `spark.sql.catalog.spark_catalog` | `org.apache.spark.sql.delta.catalog.DeltaCatalog` | likewise |
      | `spark.dynamicAllocation.enabled` | `false`, which is checked | an executor that only serves looks idle to Spark, which would take it away |
      | `spark.speculation` | `false` | gradients would be computed twice, on executors that have no activations for them |
      | `spark.storage.decommission.rddBlocks.enabled` | `false` where storage is decommissioned and there is host memory, which is checked | Spark would move activations to executors that know nothing of them |
      | `spark.locality.wait` | above 0, e.g. Spark's `3s` | examples are trained where their activations are; with `0s` many go elsewhere, where all is recomputed |
      | `spark.memory.offHeap.enabled`, `spark.memory.offHeap.size` | `true` and at least `spark.alchemist.memory.host` | activations that leave the device are blocks of Spark's block manager there; without it they are dropped |
      | `spark.executor.extraJavaOptions` (with a local master: `spark.driver.extraJavaOptions`) | `--add-modules=jdk.incubator.vector -XX:MaxDirectMemorySize=`SIZE | the CPU's fast kernels; SIZE is at least `spark.alchemist.memory.device` and `spark.alchemist.memory.host` together and half a gigabyte for Spark |
      | `spark.executor.memoryOverhead` | at least `spark.alchemist.memory.device` and half a gigabyte | YARN and Kubernetes end containers that take more than they were granted, and direct memory counts |
      """;

  private ConfigurationPage() {}

  /** The whole page. */
  static String text() {
    StringBuilder page =
        new StringBuilder("<!-- Generated from AlchemistConf by ConfigurationPageTest. -->\n\n");
    page.append(INTRODUCTION);
    groups().forEach((group, entries) -> {
      page.append("\n## ")
          .append(group)
          .append("\n\n| key | default | type | meaning |\n|---|---|---|---|\n");
      entries.forEach(entry -> page.append(row(entry)));
    });
    return page.toString();
  }

  private static Map<String, List<ConfEntry<?>>> groups() {
    return AlchemistConf.all().stream()
        .collect(Collectors.groupingBy(
            ConfigurationPage::group, LinkedHashMap::new, Collectors.toList()));
  }

  private static String group(ConfEntry<?> entry) {
    String name = entry.key().substring(AlchemistConf.PREFIX.length());
    int dot = name.indexOf('.');
    return dot < 0 ? "The job" : "`" + AlchemistConf.PREFIX + name.substring(0, dot) + ".*`";
  }

  private static String row(ConfEntry<?> entry) {
    String fallback = entry.defaultText();
    return "| `" + entry.key() + "` | " + shown(fallback) + " | " + entry.type() + " | "
        + entry.doc() + " |\n";
  }

  private static String shown(@Nullable String fallback) {
    if (fallback == null) {
      return "required";
    }
    return fallback.isEmpty() ? "empty" : "`" + fallback + "`";
  }
}
