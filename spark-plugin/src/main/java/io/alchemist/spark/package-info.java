/** The main job inside Apache Spark: executors serve and train, the driver runs rounds and publishes versions. */
package io.alchemist.spark;
