package io.alchemist.spark.ui;

import java.util.List;
import org.apache.spark.SparkConf;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.status.AppHistoryServerPlugin;
import org.apache.spark.status.ElementTrackingStore;
import org.apache.spark.ui.SparkUI;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;

/**
 * Shows the tab in the History Server, which finds this class by {@code ServiceLoader}: the jar of spark-plugin must be on
 * its class path.
 */
public final class AlchemistHistoryPlugin implements AppHistoryServerPlugin {

  @Override
  public Seq<SparkListener> createListeners(SparkConf conf, ElementTrackingStore store) {
    List<SparkListener> listeners = List.of(new AlchemistListener(store, false));
    return CollectionConverters.asScala(listeners).toSeq();
  }

  @Override
  public void setupUI(SparkUI ui) {
    AlchemistTab.attachFromLog(ui);
  }
}
