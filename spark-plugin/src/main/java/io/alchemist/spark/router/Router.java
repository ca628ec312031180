package io.alchemist.spark.router;

import io.alchemist.http.ApiError;
import io.alchemist.http.Endpoint;
import io.alchemist.http.Exchange;
import io.alchemist.http.HttpServer;
import io.alchemist.http.Route;
import io.alchemist.metrics.Metrics;
import io.netty.buffer.ByteBuf;
import io.netty.channel.EventLoop;
import java.io.IOException;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * One address in front of the fleet: passes OpenAI's endpoints and feedback on to executors that are ready, so that
 * the turns of one conversation meet the same prefix cache. {@code GET /health}, {@code /fleet} and {@code /metrics} it
 * answers itself. Answers carry {@code X-Alchemist-Executor}, the executor's id.
 *
 * <p>An executor that is lost costs its own conversations their cache and nothing else: what was not answered yet is asked
 * again elsewhere; a stream that has begun ends with an error event; a whole answer that has begun ends with the connection
 * and without its last chunk.
 *
 * <p>Bounded per client connection: the request's body, what is sent ahead of an answer, and of the answer what one read
 * brings while the client takes nothing. There is no authentication: bind an address that only those reach who may ask.
 * Thread-safe.
 */
public final class Router implements AutoCloseable {
  private final HttpServer server;
  private final Lookup lookup;

  private Router(HttpServer server, Lookup lookup) {
    this.server = server;
    this.lookup = lookup;
  }

  /**
   * Binds and serves.
   *
   * @param metrics where the router counts, under {@code alchemist_router_}; the whole is shown at {@code /metrics}
   * @throws IOException if the address cannot be bound
   */
  public static Router start(RouterConfig config, Backends backends, Metrics metrics)
      throws IOException {
    Lookup lookup = new Lookup();
    Map<Route, Endpoint> endpoints = endpoints(config, backends, metrics, lookup);
    try {
      return new Router(HttpServer.start("router", config.server(), endpoints, metrics), lookup);
    } catch (IOException e) {
      lookup.close();
      throw e;
    }
  }

  /** The port it listens on. */
  public int port() {
    return server.port();
  }

  /**
   * Stops listening, ends idle connections, lets running answers go on for up to {@link
   * RouterConfig#closeTimeoutMillis()}, then ends what is left. Waits for all that; not for a thread of the router's own.
   */
  @Override
  public void close() {
    server.close();
    lookup.close();
  }

  private static Map<Route, Endpoint> endpoints(
      RouterConfig config, Backends backends, Metrics metrics, Lookup lookup) {
    Placement placement = new Placement(backends);
    OwnEndpoints own = new OwnEndpoints(backends, placement, metrics);
    Endpoint forward = forward(config, backends, placement, new RouterMetrics(metrics), lookup);
    Map<Route, Endpoint> map = new EnumMap<>(Route.class);
    map.put(Route.CHAT_COMPLETIONS, forward);
    map.put(Route.COMPLETIONS, forward);
    map.put(Route.MODELS, forward);
    map.put(Route.MODEL, forward);
    map.put(Route.FEEDBACK, forward);
    map.put(Route.HEALTH, (exchange, path, body) -> own.health(exchange));
    map.put(Route.METRICS, (exchange, path, body) -> own.metrics(exchange));
    map.put(Route.FLEET, (exchange, path, body) -> own.fleet(exchange));
    return map;
  }

  private static Endpoint forward(
      RouterConfig config,
      Backends backends,
      Placement placement,
      RouterMetrics metrics,
      Lookup lookup) {
    Map<EventLoop, BackendPool> pools = new ConcurrentHashMap<>();
    return (Exchange exchange, String path, ByteBuf body) -> {
      List<Backend> choices = placement.choices(
          ConversationKey.of(exchange.route(), exchange.request().headers(), body));
      if (choices.isEmpty()) {
        List<Backend> all = backends.all();
        exchange.error(ApiError.unavailable(
            "no_executor_ready",
            "None of " + all.size() + " executors is ready" + OwnEndpoints.others(all)
                + "; try again later."));
        return;
      }
      BackendPool pool = pools.computeIfAbsent(
          exchange.executor(),
          loop -> new BackendPool(loop, lookup, config.connectTimeoutMillis()));
      new Forward(exchange, body, choices, pool, config, backends, placement, metrics).start();
    };
  }
}
