/** What runs in an executor: the engine with its API server, and the outbox of what the driver is to commit. */
package io.alchemist.spark.executor;
