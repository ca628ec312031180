package io.alchemist.http;

import io.alchemist.metrics.Metrics;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.group.ChannelGroup;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.netty.util.concurrent.GlobalEventExecutor;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An HTTP server over a table of endpoints: it listens, counts and closes. What it counts about itself is named {@code
 * alchemist_<name>_...}. There is no authentication: bind an address that only those reach who may ask. Thread-safe.
 */
public final class HttpServer implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(HttpServer.class);
  private static final long QUIET_MILLIS = 1;
  private static final long CLOSE_MILLIS = 5_000;
  private static final int THREADS = 2;
  private static final int BACKLOG = 512;
  private static final int LOW_WATER_BYTES = 16 << 10;
  private static final int HIGH_WATER_BYTES = 64 << 10;

  private final ApiConfig config;
  private final EventLoopGroup loops;
  private final Channel listener;
  private final ChannelGroup clients;
  private final AtomicBoolean closing;

  private HttpServer(
      ApiConfig config,
      EventLoopGroup loops,
      Channel listener,
      ChannelGroup clients,
      AtomicBoolean closing) {
    this.config = config;
    this.loops = loops;
    this.listener = listener;
    this.clients = clients;
    this.closing = closing;
  }

  /**
   * Binds and serves; paths without an endpoint are answered 404.
   *
   * @param name one lower-case word, for threads and metrics
   * @throws IOException if the address cannot be bound
   */
  public static HttpServer start(
      String name, ApiConfig config, Map<Route, Endpoint> endpoints, Metrics metrics)
      throws IOException {
    HttpMetrics httpMetrics = new HttpMetrics(metrics, "alchemist_" + name);
    EventLoopGroup loops = new MultiThreadIoEventLoopGroup(
        THREADS, new DefaultThreadFactory("alchemist-" + name, true), NioIoHandler.newFactory());
    // Closing while a channel registers must not lose it.
    ChannelGroup clients = new DefaultChannelGroup(GlobalEventExecutor.INSTANCE, true);
    AtomicBoolean closing = new AtomicBoolean();
    ChannelFuture bound = new ServerBootstrap()
        .group(loops)
        .channel(NioServerSocketChannel.class)
        .option(ChannelOption.SO_BACKLOG, BACKLOG)
        .option(ChannelOption.SO_REUSEADDR, true)
        .childOption(ChannelOption.TCP_NODELAY, true)
        .childOption(
            ChannelOption.WRITE_BUFFER_WATER_MARK,
            new WriteBufferWaterMark(LOW_WATER_BYTES, HIGH_WATER_BYTES))
        .childHandler(new ChannelInitializer<SocketChannel>() {
          @Override
          protected void initChannel(SocketChannel channel) {
            clients.add(channel);
            channel
                .pipeline()
                .addLast(new HttpServerCodec())
                .addLast(new Connection(config, endpoints, httpMetrics, closing::get));
          }
        })
        .bind(config.host(), config.port())
        .awaitUninterruptibly();
    if (!bound.isSuccess()) {
      loops.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly();
      throw new IOException(
          "The " + name + " server cannot listen on " + config.host() + ":" + config.port() + " ("
              + bound.cause().getMessage() + "); choose another port, or 0 for any free one.",
          bound.cause());
    }
    HttpServer server = new HttpServer(config, loops, bound.channel(), clients, closing);
    LOG.info("The {} server listens on {}:{}.", name, config.host(), server.port());
    return server;
  }

  /** The port it listens on. */
  public int port() {
    return ((InetSocketAddress) listener.localAddress()).getPort();
  }

  /**
   * Stops listening, ends idle connections, lets running requests finish for up to {@link
   * ApiConfig#closeTimeoutMillis()}, then cancels what is left. Waits for all that; not for a thread of the server's own.
   */
  @Override
  public void close() {
    listener.close().awaitUninterruptibly();
    closing.set(true); // also for those that were accepted and are not among the clients yet
    for (Channel client : clients) {
      Connection connection = client.pipeline().get(Connection.class);
      if (connection != null) {
        client.eventLoop().execute(connection::drain);
      }
    }
    if (!clients.newCloseFuture().awaitUninterruptibly(config.closeTimeoutMillis())) {
      LOG.warn("{} connections are cut off as the server closes.", clients.size());
    }
    clients.close().awaitUninterruptibly();
    // With a quiet period of 0 an event loop that is just at work ends without closing the channels
    // it has.
    loops
        .shutdownGracefully(QUIET_MILLIS, CLOSE_MILLIS, TimeUnit.MILLISECONDS)
        .awaitUninterruptibly();
  }
}
