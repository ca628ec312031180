package io.alchemist.spark.ui;

import org.apache.spark.SparkContext;
import org.apache.spark.status.ElementTrackingStore;
import org.apache.spark.ui.SparkUI;
import org.apache.spark.ui.SparkUITab;

/** The "Alchemist" tab of a running application's UI, or of a finished one's in the History Server. */
public final class AlchemistTab extends SparkUITab {
  private static final String PREFIX = "alchemist";

  private AlchemistTab(SparkUI ui, AlchemistStore store, boolean live) {
    super(ui, PREFIX);
    attachPage(new AlchemistPage(this, store, live));
  }

  /**
   * Adds the tab to a running application, and the listener that fills it; on the driver, once, before the first event is
   * posted. May be called from a driver plugin's {@code init}. Does nothing where the UI is switched off: events
   * posted still reach the event log.
   */
  public static void attach(SparkContext context) {
    if (context.ui().isEmpty()) {
      return;
    }
    SparkUI ui = context.ui().get();
    ElementTrackingStore store = (ElementTrackingStore) context.statusStore().store();
    context.listenerBus().addToStatusQueue(new AlchemistListener(store, true));
    ui.attachTab(new AlchemistTab(ui, new AlchemistStore(store), true));
  }

  /** Adds the tab to an application read from its event log, if it ever posted anything for it. */
  static void attachFromLog(SparkUI ui) {
    AlchemistStore store = new AlchemistStore(ui.store().store());
    if (!store.isEmpty()) {
      ui.attachTab(new AlchemistTab(ui, store, false));
    }
  }
}
