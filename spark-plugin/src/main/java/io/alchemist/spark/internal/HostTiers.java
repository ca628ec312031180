package io.alchemist.spark.internal;

import io.alchemist.cache.HostTier;
import java.util.Map;
import org.apache.spark.SparkConf;

/** The host tier of an executor's engine. */
public final class HostTiers {
  private HostTiers() {}

  /** Of that size; none where it is 0. */
  public static HostTier open(SparkConf conf, long bytes, Map<String, String> fromDriver) {
    return HostTier.none();
  }
}
