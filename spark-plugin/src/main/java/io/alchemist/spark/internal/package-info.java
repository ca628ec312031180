/**
 * All that needs classes which Spark keeps to itself, in one place, since they change between Spark's versions.
 *
 * <h2>Host activations as blocks of Spark</h2>
 *
 * {@link io.alchemist.spark.internal.SparkHostTier} keeps what left the device in blocks of the executor's block manager, so
 * that they lie inside {@code spark.memory.offHeap.size}, give way to SQL, and show in Spark's UI. Spark may write any of them
 * to disk or drop it whenever a task of a query needs the memory; a read lock keeps a block where it is.
 *
 * <h2>Locks</h2>
 *
 * Spark tells us of a block's fate through our subclass of its buffer, {@link io.alchemist.spark.internal.HostBytes}, and does
 * so while it holds its memory lock. The order is therefore Spark's lock first, the tier's index lock second: in those calls
 * the tier only counts and queues, and it never calls Spark, nor closes a buffer, while it holds the index lock. What has been
 * queued is done by a thread of the tier's own, or by a thread that waits for the room.
 *
 * <p>Spark books a block's locks under the task of the calling thread, and gives them back when that task ends. Readers of
 * activations outlive tasks and close blocks on other threads, so all locks here are taken outside of any task.
 */
@NullMarked
package io.alchemist.spark.internal;

import org.jspecify.annotations.NullMarked;
