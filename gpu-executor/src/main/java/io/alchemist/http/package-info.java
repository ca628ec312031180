/**
 * The HTTP front door: OpenAI's endpoints, feedback, health and metrics over Netty. Start at {@link
 * io.alchemist.http.ApiServer}.
 *
 * <p>One {@code Connection} reads one request at a time and hands it to its {@code Endpoint}; that answers through an
 * {@code Exchange}. Everything of a connection runs on its event loop; only what the engine reports comes from another
 * thread, and {@code GenerationRun} brings it over.
 */
package io.alchemist.http;
