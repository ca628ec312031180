package io.alchemist.spark.router;

import io.netty.bootstrap.Bootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoop;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.handler.codec.http.HttpClientCodec;
import java.net.InetSocketAddress;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One event loop's connections to executors that wait for their next request: a few for each address, none for long. A
 * connection in use belongs to its request. Event loop only.
 */
final class BackendPool {
  private static final int MAX_IDLE = 8;
  /** Well below the time after which an executor ends a connection itself, or a request could meet that end. */
  private static final int IDLE_MILLIS = 20_000;

  private final EventLoop loop;
  private final Lookup lookup;
  private final int connectTimeoutMillis;
  private final Map<InetSocketAddress, Deque<BackendConnection>> idle = new HashMap<>();

  BackendPool(EventLoop loop, Lookup lookup, int connectTimeoutMillis) {
    this.loop = loop;
    this.lookup = lookup;
    this.connectTimeoutMillis = connectTimeoutMillis;
  }

  /** A connection that has served before, or null where none waits. */
  @Nullable
  BackendConnection take(Backend backend) {
    Deque<BackendConnection> waiting = idle.get(address(backend));
    BackendConnection connection = waiting == null ? null : waiting.peekLast();
    if (connection != null) {
      connection.wake();
    }
    return connection;
  }

  /** Makes a new connection; {@code done} is told of it, and of a failure otherwise. */
  void connect(Backend backend, Consumer<BackendConnection> done, Consumer<Throwable> failed) {
    InetSocketAddress address = address(backend);
    BackendConnection connection = new BackendConnection(this, address);
    ChannelFuture connecting = new Bootstrap()
        .group(loop)
        .channel(NioSocketChannel.class)
        .resolver(lookup)
        .option(ChannelOption.CONNECT_TIMEOUT_MILLIS, connectTimeoutMillis)
        .option(ChannelOption.TCP_NODELAY, true)
        .handler(new ChannelInitializer<SocketChannel>() {
          @Override
          protected void initChannel(SocketChannel channel) {
            channel.pipeline().addLast(new HttpClientCodec()).addLast(connection);
          }
        })
        .connect(address);
    connecting.addListener((ChannelFuture connected) -> {
      if (connected.isSuccess()) {
        done.accept(connection);
      } else {
        failed.accept(connected.cause());
      }
    });
  }

  /** Keeps a connection that is ready for another request, or closes it where enough wait. */
  void put(BackendConnection connection, Channel channel) {
    Deque<BackendConnection> waiting =
        idle.computeIfAbsent(connection.address(), address -> new ArrayDeque<>());
    if (waiting.size() >= MAX_IDLE) {
      connection.close();
    } else {
      waiting.addLast(connection);
      connection.sleep(channel, IDLE_MILLIS);
    }
  }

  /** Forgets a connection that waits no longer. */
  void remove(BackendConnection connection) {
    Deque<BackendConnection> waiting = idle.get(connection.address());
    if (waiting != null) {
      waiting.remove(connection);
      if (waiting.isEmpty()) {
        idle.remove(connection.address());
      }
    }
  }

  private static InetSocketAddress address(Backend backend) {
    return InetSocketAddress.createUnresolved(backend.host(), backend.port());
  }
}
