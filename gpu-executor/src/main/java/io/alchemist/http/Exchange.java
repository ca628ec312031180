package io.alchemist.http;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.DefaultHttpResponse;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.concurrent.EventExecutor;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/**
 * The answer to one request: whole, or a stream of server-sent events. Used on the connection's event loop only. Once it
 * is over, further calls do nothing, so that what an engine still reports of a cancelled completion needs no check.
 */
@SuppressWarnings(
    "FutureReturnValueIgnored") // A write that fails closes the channel, and then comes abort().
final class Exchange {
  private static final String JSON = "application/json";

  /** What the connection does about an answer. */
  interface Owner {
    /** The last byte of the answer was queued; {@code last} is done when it is sent. */
    void answered(Exchange exchange, ChannelFuture last);

    /** The reader is too slow for the stream. */
    void tooSlow(Exchange exchange);
  }

  private enum State {
    WAITING,
    STREAMING,
    OVER
  }

  private final Owner owner;
  private final ChannelHandlerContext context;
  private final Route route;
  private final HttpMetrics metrics;
  private final int maxQueuedBytes;
  private final long startNanos = System.nanoTime();
  private final HttpVersion version;
  private boolean keepAlive;
  private State state = State.WAITING;
  private int status;
  private Runnable onAbort = () -> {};

  Exchange(
      Owner owner,
      ChannelHandlerContext context,
      Route route,
      HttpRequest request,
      HttpMetrics metrics,
      int maxQueuedBytes) {
    this.owner = owner;
    this.context = context;
    this.route = route;
    this.metrics = metrics;
    this.maxQueuedBytes = maxQueuedBytes;
    this.version = request.protocolVersion().compareTo(HttpVersion.HTTP_1_1) >= 0
        ? HttpVersion.HTTP_1_1
        : HttpVersion.HTTP_1_0;
    this.keepAlive = HttpUtil.isKeepAlive(request);
    metrics.started();
  }

  /** The connection's event loop. */
  EventExecutor executor() {
    return context.executor();
  }

  Route route() {
    return route;
  }

  boolean over() {
    return state == State.OVER;
  }

  boolean keepAlive() {
    return keepAlive;
  }

  /** The connection ends with this answer. */
  void closeAfter() {
    keepAlive = false;
  }

  /** What to do when the client leaves before the answer is whole, or reads too slowly. */
  void onAbort(Runnable action) {
    onAbort = action;
  }

  /** Nanoseconds since the request's head came. */
  long elapsedNanos() {
    return System.nanoTime() - startNanos;
  }

  void json(HttpResponseStatus status, ByteBuf body) {
    whole(status, JSON, body, Map.of());
  }

  void error(ApiError error) {
    whole(error.status(), JSON, error.body(), error.headers());
  }

  /** Answers with a whole body; takes it over. */
  void whole(
      HttpResponseStatus status,
      String contentType,
      ByteBuf body,
      Map<CharSequence, String> moreHeaders) {
    if (state != State.WAITING) {
      body.release();
      return;
    }
    FullHttpResponse response = new DefaultFullHttpResponse(version, status, body);
    HttpHeaders headers = response.headers();
    headers.set(HttpHeaderNames.CONTENT_TYPE, contentType);
    headers.set(HttpHeaderNames.CONTENT_LENGTH, body.readableBytes());
    moreHeaders.forEach(headers::set);
    HttpUtil.setKeepAlive(response, keepAlive);
    end(status.code());
    owner.answered(this, context.writeAndFlush(response));
  }

  /** Begins a stream of events; does nothing where it has begun. */
  void beginEvents() {
    if (state != State.WAITING) {
      return;
    }
    HttpResponse response = new DefaultHttpResponse(version, HttpResponseStatus.OK);
    HttpHeaders headers = response.headers();
    headers.set(HttpHeaderNames.CONTENT_TYPE, "text/event-stream; charset=utf-8");
    headers.set(HttpHeaderNames.CACHE_CONTROL, "no-cache");
    // Reverse proxies that buffer answers would hold the events back.
    headers.set("X-Accel-Buffering", "no");
    if (version.equals(HttpVersion.HTTP_1_1)) {
      headers.set(HttpHeaderNames.TRANSFER_ENCODING, HttpHeaderValues.CHUNKED);
    } else {
      keepAlive = false;
    }
    HttpUtil.setKeepAlive(response, keepAlive);
    status = HttpResponseStatus.OK.code();
    state = State.STREAMING;
    context.write(response);
  }

  /** Queues one event; takes {@code json} over. */
  void event(ByteBuf json) {
    if (state != State.STREAMING) {
      json.release();
      return;
    }
    ByteBuf event = Unpooled.buffer(json.readableBytes() + 8);
    event.writeCharSequence("data: ", StandardCharsets.US_ASCII);
    event.writeBytes(json);
    event.writeCharSequence("\n\n", StandardCharsets.US_ASCII);
    json.release();
    context.write(new DefaultHttpContent(event));
    if (tooMuchQueued()) {
      // A burst that was not flushed yet is not the reader's fault.
      context.flush();
      if (state == State.STREAMING && tooMuchQueued()) {
        owner.tooSlow(this);
      }
    }
  }

  private boolean tooMuchQueued() {
    Channel channel = context.channel();
    return !channel.isWritable() && channel.bytesBeforeWritable() > maxQueuedBytes;
  }

  void flush() {
    if (state == State.STREAMING) {
      context.flush();
    }
  }

  /** Ends the stream with {@code [DONE]}. */
  void endEvents() {
    event(Unpooled.copiedBuffer("[DONE]", StandardCharsets.US_ASCII));
    if (state == State.STREAMING) {
      end(status);
      owner.answered(this, context.writeAndFlush(LastHttpContent.EMPTY_LAST_CONTENT));
    }
  }

  /** Ends a stream that has begun with an error event, and the connection with it. */
  void failEvents(ApiError error) {
    event(error.body());
    if (state == State.STREAMING) {
      keepAlive = false;
      end(error.status().code());
      owner.answered(this, context.writeAndFlush(LastHttpContent.EMPTY_LAST_CONTENT));
    }
  }

  /** An error, however far the answer is. */
  void fail(ApiError error) {
    if (state == State.STREAMING) {
      failEvents(error);
    } else {
      error(error);
    }
  }

  /** The answer can no longer be delivered. */
  void abort() {
    if (state != State.OVER) {
      end(HttpMetrics.CLIENT_LEFT);
      onAbort.run();
    }
  }

  private void end(int status) {
    state = State.OVER;
    metrics.ended(route, status, elapsedNanos());
  }
}
