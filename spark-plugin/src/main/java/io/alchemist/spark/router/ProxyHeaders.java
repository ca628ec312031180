package io.alchemist.spark.router;

import io.alchemist.http.Exchange;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import java.net.InetSocketAddress;
import java.util.List;

/** Which headers pass, and which belong to one connection only (RFC 9110, section 7.6.1). */
final class ProxyHeaders {
  private static final String FORWARDED_FOR = "X-Forwarded-For";
  static final String EXECUTOR = "X-Alchemist-Executor";

  private static final List<CharSequence> ONE_HOP = List.of(
      HttpHeaderNames.CONNECTION,
      "Keep-Alive",
      "Proxy-Connection",
      HttpHeaderNames.PROXY_AUTHENTICATE,
      HttpHeaderNames.PROXY_AUTHORIZATION,
      HttpHeaderNames.TE,
      HttpHeaderNames.TRAILER,
      HttpHeaderNames.TRANSFER_ENCODING,
      HttpHeaderNames.UPGRADE);

  private ProxyHeaders() {}

  /** What the executor is sent: the body is at hand, so its length is known and nothing is expected before it. */
  static HttpHeaders request(Exchange exchange, Backend backend, int bodyBytes) {
    HttpHeaders headers = passing(exchange.request().headers());
    headers.remove(HttpHeaderNames.EXPECT);
    headers.set(HttpHeaderNames.HOST, authority(backend));
    headers.remove(HttpHeaderNames.CONTENT_LENGTH);
    if (bodyBytes > 0 || exchange.request().method().name().equals("POST")) {
      headers.set(HttpHeaderNames.CONTENT_LENGTH, bodyBytes);
    }
    if (exchange.clientAddress() instanceof InetSocketAddress client && !client.isUnresolved()) {
      headers.add(FORWARDED_FOR, client.getAddress().getHostAddress());
    }
    return headers;
  }

  /** What the client is sent. */
  static HttpHeaders response(HttpHeaders received, Backend backend) {
    HttpHeaders headers = passing(received);
    headers.set(EXECUTOR, backend.id());
    return headers;
  }

  private static HttpHeaders passing(HttpHeaders received) {
    HttpHeaders headers = new DefaultHttpHeaders().set(received);
    for (String value : received.getAllAsString(HttpHeaderNames.CONNECTION)) {
      for (String name : value.split(",", -1)) {
        if (!name.isBlank() && !name.trim().equalsIgnoreCase("content-length")) {
          headers.remove(name.trim());
        }
      }
    }
    ONE_HOP.forEach(headers::remove);
    return headers;
  }

  private static String authority(Backend backend) {
    boolean v6 = backend.host().indexOf(':') >= 0 && !backend.host().startsWith("[");
    return (v6 ? "[" + backend.host() + "]" : backend.host()) + ":" + backend.port();
  }
}
