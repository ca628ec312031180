/**
 * Training rounds: a micro-batch of feedback becomes examples on the executors that hold their activations, gradients are
 * summed, the optimizer steps on the driver, the gate judges, and a new version goes live.
 */
package io.alchemist.spark.rounds;
