/** Everything that needs classes which Spark keeps for itself; a new Spark version is met here. */
package io.alchemist.spark.internal;
