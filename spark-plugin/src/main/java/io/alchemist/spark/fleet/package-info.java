/**
 * The executors as the driver sees them: who there is and how they are, what is said between driver and executor, and the
 * collector that brings answered turns and posted feedback into the tables.
 */
package io.alchemist.spark.fleet;
