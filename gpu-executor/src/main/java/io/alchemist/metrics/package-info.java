/** Counters, gauges and histograms, and their text for Prometheus. Depends on nothing. */
package io.alchemist.metrics;
