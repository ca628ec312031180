package io.alchemist.http;

import io.alchemist.serve.RequestException;
import io.netty.buffer.ByteBuf;

/** Answers the requests of one route. Called on the connection's event loop; must not block. */
@FunctionalInterface
public interface Endpoint {
  /**
   * Answers now or later through {@code exchange}.
   *
   * @param path the request's decoded path
   * @param body all of it; released by the caller afterwards
   * @throws RequestException to answer with an error
   */
  void handle(Exchange exchange, String path, ByteBuf body);
}
