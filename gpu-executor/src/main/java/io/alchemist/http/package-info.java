/**
 * The HTTP front door: OpenAI's endpoints, feedback, health and metrics over Netty. Start at {@link
 * io.alchemist.http.ApiServer}.
 *
 * <p>{@link io.alchemist.http.HttpServer} listens. One {@code Connection} reads one request at a time and hands it to its
 * {@link io.alchemist.http.Endpoint}; that answers through an {@link io.alchemist.http.Exchange}. Everything of a connection
 * runs on its event loop; only what the engine reports comes from another thread, and {@code GenerationRun} brings it
 * over. Server and exchange are public, so that other servers of the project answer as this one does.
 */
package io.alchemist.http;
