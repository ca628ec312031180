package io.alchemist.spark.router;

import io.netty.resolver.AddressResolver;
import io.netty.resolver.AddressResolverGroup;
import io.netty.resolver.InetNameResolver;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.netty.util.concurrent.EventExecutor;
import io.netty.util.concurrent.Promise;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * Resolves host names as the JVM does, hosts file and all, but on threads of its own: a name server that does not answer
 * must not stop the streams of an event loop.
 */
final class Lookup extends AddressResolverGroup<InetSocketAddress> {
  private static final int THREADS = 2;

  private final ExecutorService threads =
      Executors.newFixedThreadPool(THREADS, new DefaultThreadFactory("alchemist-lookup", true));

  @Override
  protected AddressResolver<InetSocketAddress> newResolver(EventExecutor executor) {
    return new InetNameResolver(executor) {
      @Override
      protected void doResolve(String host, Promise<InetAddress> promise) {
        threads.execute(() -> {
          try {
            promise.trySuccess(InetAddress.getByName(host));
          } catch (UnknownHostException e) {
            promise.tryFailure(e);
          }
        });
      }

      @Override
      protected void doResolveAll(String host, Promise<List<InetAddress>> promise) {
        threads.execute(() -> {
          try {
            promise.trySuccess(List.of(InetAddress.getAllByName(host)));
          } catch (UnknownHostException e) {
            promise.tryFailure(e);
          }
        });
      }
    }.asAddressResolver();
  }

  @Override
  public void close() {
    super.close();
    threads.shutdownNow();
  }
}
