package io.alchemist.spark;

import io.alchemist.spark.conf.AlchemistConf;
import io.alchemist.spark.fleet.Collector;
import io.alchemist.spark.fleet.Fleet;
import io.alchemist.spark.fleet.Message;
import io.alchemist.spark.internal.ActivationRdd;
import io.alchemist.spark.internal.ExecutorLink;
import io.alchemist.spark.internal.ExecutorReplacement;
import io.alchemist.spark.internal.SparkHostTier;
import io.alchemist.spark.ui.AlchemistTab;
import java.util.Map;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkContext;
import org.apache.spark.api.plugin.DriverPlugin;
import org.apache.spark.api.plugin.PluginContext;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerExecutorRemoved;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The driver's half of the plugin: checks the settings before anything runs, keeps the {@link Fleet}, and adds the tab to the UI. It
 * comes before Spark's scheduler, so everything that needs a session is {@link ContinualLearning}'s.
 */
final class AlchemistDriverPlugin implements DriverPlugin {
  private static final Logger LOG = LoggerFactory.getLogger(AlchemistDriverPlugin.class);

  private static volatile @Nullable AlchemistDriverPlugin current;

  private final Fleet fleet = new Fleet(this::replace);
  private volatile @Nullable Collector collector;
  private volatile @Nullable SparkContext context;
  private volatile boolean hasHostTier;

  /**
   * The plugin of a running application.
   *
   * @throws IllegalStateException when it was started without
   */
  static AlchemistDriverPlugin of(SparkContext context) {
    AlchemistDriverPlugin plugin = current;
    if (plugin == null || plugin.context != context) {
      throw new IllegalStateException(
          "This Spark application was started without Alchemist's plugin, so its executors"
              + " have no engine. Start it with spark.plugins=" + AlchemistPlugin.class.getName()
              + ".");
    }
    return plugin;
  }

  @Override
  public Map<String, String> init(SparkContext sparkContext, PluginContext pluginContext) {
    SparkConf conf = sparkContext.getConf();
    check(conf);
    context = sparkContext;
    current = this;
    AlchemistTab.attach(sparkContext);
    sparkContext.addSparkListener(new SparkListener() {
      @Override
      public void onExecutorRemoved(SparkListenerExecutorRemoved removed) {
        fleet.lost(removed.executorId(), removed.reason());
      }
    });
    hasHostTier = hasHostTier(conf);
    return Map.of();
  }

  /** Whether executors keep activations in Spark's off-heap memory. */
  private static boolean hasHostTier(SparkConf conf) {
    if (AlchemistConf.HOST_MEMORY.in(conf) == 0) {
      return false;
    }
    try {
      SparkHostTier.checkOffHeap(conf);
      return true;
    } catch (IllegalStateException e) {
      LOG.warn("{}", e.getMessage());
      return false;
    }
  }

  /** What would go wrong later is refused now. */
  static void check(SparkConf conf) {
    Map<String, String> unused = AlchemistConf.check(conf);
    if (conf.getBoolean("spark.dynamicAllocation.enabled", false)) {
      throw new IllegalArgumentException(
          "spark.dynamicAllocation.enabled is true: an executor that only serves looks idle"
              + " to Spark, which would take it away. Set spark.dynamicAllocation.enabled=false.");
    }
    if (conf.getBoolean("spark.decommission.enabled", false)
        && conf.getBoolean("spark.storage.decommission.enabled", false)
        && conf.getBoolean("spark.storage.decommission.rddBlocks.enabled", true)
        && AlchemistConf.HOST_MEMORY.in(conf) > 0) {
      throw new IllegalArgumentException(
          "Spark would move activations of an executor that is decommissioned to others, which"
              + " know nothing of them and lose the memory. Set"
              + " spark.storage.decommission.rddBlocks.enabled=false.");
    }
    if (conf.getBoolean("spark.speculation", false)) {
      LOG.warn(
          "spark.speculation is on: gradients may be computed twice, on executors that have no activations"
              + " for them. Set spark.speculation=false.");
    }
  }

  /** The executors. */
  Fleet fleet() {
    return fleet;
  }

  /** Who commits what an executor says last. */
  void collectBy(@Nullable Collector newCollector) {
    collector = newCollector;
  }

  @Override
  public Object receive(Object received) {
    Message message = ExecutorLink.message(received);
    if (message instanceof Message.Hello) {
      return Message.encode(welcome());
    }
    if (message instanceof Message.Ready ready) {
      fleet.ready(ready, ExecutorLink.back(received));
    } else if (message instanceof Message.Failed failed) {
      fleet.failed(failed);
    } else if (message instanceof Message.Leaving leaving) {
      Collector last = collector;
      if (last == null) {
        throw new IllegalStateException("The job that would commit this has ended.");
      }
      last.collectLast(leaving.executorId(), ExecutorLink.back(received));
    }
    return Message.encode(new Message.Done());
  }

  /** An engine that has stopped does not start again: its executor makes way for another. */
  private void replace(String executorId) {
    SparkContext running = context;
    if (running != null && !running.isLocal()) {
      // The cluster manager may take its time, and whoever noticed has other things to do.
      Thread thread = new Thread(
          () -> ExecutorReplacement.replace(running, executorId), "alchemist-executor-replacement");
      thread.setDaemon(true);
      thread.start();
    }
  }

  private Message welcome() {
    SparkContext running = context;
    if (running == null || !ActivationRdd.canRegister(running)) {
      return new Message.NotYet();
    }
    return new Message.Welcome(hasHostTier ? ActivationRdd.register(running) : -1);
  }

  @Override
  public void shutdown() {
    if (current == this) {
      current = null;
    }
  }
}
