package io.alchemist.spark.demo;

import java.util.List;
import java.util.Map;

/** What the demo sees of the training that runs beside its users. Asked by one thread, a few times a second. */
public interface Progress {

  /** The finished rounds with a higher number than this, in order. */
  List<RoundLine> roundsAfter(long round);

  /** The most bytes that each tier of activations held, from the fastest tier to the slowest. */
  Map<String, Long> peakBytes();

  /** Where things lie that outlast the demo, such as tables and adapter. */
  Map<String, String> places();
}
