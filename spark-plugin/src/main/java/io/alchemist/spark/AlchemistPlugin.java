package io.alchemist.spark;

import io.alchemist.spark.executor.AlchemistExecutorPlugin;
import org.apache.spark.api.plugin.DriverPlugin;
import org.apache.spark.api.plugin.ExecutorPlugin;
import org.apache.spark.api.plugin.SparkPlugin;

/**
 * Makes a Spark application serve and train a model: {@code spark.plugins=io.alchemist.spark.AlchemistPlugin}. Every executor
 * starts an engine; {@link ContinualLearning} does the rest on the driver.
 */
public final class AlchemistPlugin implements SparkPlugin {
  @Override
  public DriverPlugin driverPlugin() {
    return new AlchemistDriverPlugin();
  }

  @Override
  public ExecutorPlugin executorPlugin() {
    return new AlchemistExecutorPlugin();
  }
}
