/**
 * The router on the driver: one address for all executors. Start at {@link io.alchemist.spark.router.Router}.
 *
 * <p>The client's side is the engine's own HTTP server; a {@code Forward} is one request on its way to an executor and
 * takes up to three tries, in the order that {@code Placement} gives. Everything of a request, the connection to the executor
 * included, runs on the event loop of the client's connection, so nothing of it is locked.
 */
package io.alchemist.spark.router;
