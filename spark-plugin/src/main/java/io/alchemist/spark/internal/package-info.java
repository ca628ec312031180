/** What needs classes that Spark keeps for itself, but for the UI: a new Spark version is met here and in {@code ui}. */
package io.alchemist.spark.internal;
