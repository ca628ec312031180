package io.alchemist.http;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.EventLoop;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.DefaultHttpHeaders;
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
import java.net.SocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/**
 * The answer to one request: whole, a stream of server-sent events, or a body in pieces as they come. Used on the connection's event loop only. Once it
 * is over, further calls do nothing, so that what an engine still reports of a cancelled completion needs no check.
 */
@SuppressWarnings(
    "FutureReturnValueIgnored") // A write that fails closes the channel, and then comes abort().
public final class Exchange {
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
  private final HttpRequest request;
  private final HttpMetrics metrics;
  private final int maxQueuedBytes;
  private final long startNanos = System.nanoTime();
  private final HttpVersion version;
  private boolean keepAlive;
  private State state = State.WAITING;
  private int status;
  private Runnable onAbort = () -> {};
  private Runnable onWritable = () -> {};

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
    this.request = request;
    this.metrics = metrics;
    this.maxQueuedBytes = maxQueuedBytes;
    this.version = request.protocolVersion().compareTo(HttpVersion.HTTP_1_1) >= 0
        ? HttpVersion.HTTP_1_1
        : HttpVersion.HTTP_1_0;
    this.keepAlive = HttpUtil.isKeepAlive(request);
    metrics.started();
  }

  /** The connection's event loop. */
  public EventLoop executor() {
    return context.channel().eventLoop();
  }

  public Route route() {
    return route;
  }

  /** The request's head: method, target and headers. */
  public HttpRequest request() {
    return request;
  }

  /** Where the client's connection comes from. */
  public SocketAddress clientAddress() {
    return context.channel().remoteAddress();
  }

  /** Whether the answer is whole, or can no longer be delivered. */
  public boolean over() {
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
  public void onAbort(Runnable action) {
    onAbort = action;
  }

  /** Nanoseconds since the request's head came. */
  public long elapsedNanos() {
    return System.nanoTime() - startNanos;
  }

  /** Answers with a JSON body; takes it over. */
  public void json(HttpResponseStatus status, ByteBuf body) {
    whole(status, JSON, body, Map.of());
  }

  /** Answers with an error. */
  public void error(ApiError error) {
    whole(error.status(), JSON, error.body(), error.headers());
  }

  /** Answers with a whole body; takes it over. */
  public void whole(
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
    HttpHeaders headers = new DefaultHttpHeaders();
    headers.set(HttpHeaderNames.CONTENT_TYPE, "text/event-stream; charset=utf-8");
    headers.set(HttpHeaderNames.CACHE_CONTROL, "no-cache");
    // Reverse proxies that buffer answers would hold the events back.
    headers.set("X-Accel-Buffering", "no");
    begin(HttpResponseStatus.OK, headers);
  }

  /**
   * Begins an answer whose body comes in pieces; does nothing where one has begun. Without a length among the headers the
   * body ends with a last chunk, for clients of HTTP/1.0 with the connection.
   *
   * @param headers none that concern the connection; not changed
   */
  public void begin(HttpResponseStatus responseStatus, HttpHeaders headers) {
    if (state != State.WAITING) {
      return;
    }
    HttpResponse response = new DefaultHttpResponse(version, responseStatus);
    response.headers().set(headers);
    if (!headers.contains(HttpHeaderNames.CONTENT_LENGTH)) {
      if (version.equals(HttpVersion.HTTP_1_1)) {
        response.headers().set(HttpHeaderNames.TRANSFER_ENCODING, HttpHeaderValues.CHUNKED);
      } else {
        keepAlive = false;
      }
    }
    HttpUtil.setKeepAlive(response, keepAlive);
    status = responseStatus.code();
    state = State.STREAMING;
    context.write(response);
  }

  /** Queues a piece of the body; takes it over. Whoever has more waits while the connection is not {@link #writable}. */
  public void data(ByteBuf piece) {
    if (state == State.STREAMING) {
      context.write(new DefaultHttpContent(piece));
    } else {
      piece.release();
    }
  }

  /** Ends a body that came in pieces. */
  public void endData() {
    if (state == State.STREAMING) {
      end(status);
      owner.answered(this, context.writeAndFlush(LastHttpContent.EMPTY_LAST_CONTENT));
    }
  }

  /** Closes the connection in the middle of a body, so that the client sees that it is not whole. */
  public void breakOff() {
    if (state == State.STREAMING) {
      end(HttpResponseStatus.BAD_GATEWAY.code());
      context.close();
    }
  }

  /** Whether the client takes more at once. */
  public boolean writable() {
    return context.channel().isWritable();
  }

  /** What to do whenever the connection becomes writable again. */
  public void onWritable(Runnable action) {
    onWritable = action;
  }

  void becameWritable() {
    if (state == State.STREAMING) {
      onWritable.run();
    }
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

  /** Sends what is queued. */
  public void flush() {
    if (state == State.STREAMING) {
      context.flush();
    }
  }

  /** Ends the stream with {@code [DONE]}. */
  void endEvents() {
    event(Unpooled.copiedBuffer("[DONE]", StandardCharsets.US_ASCII));
    endData();
  }

  /** Ends a stream that has begun with an error event, and the connection with it. */
  public void failEvents(ApiError error) {
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
      state = State.OVER;
      onAbort.run();
      end(HttpMetrics.CLIENT_LEFT);
    }
  }

  private void end(int status) {
    state = State.OVER;
    metrics.ended(route, status, elapsedNanos());
  }
}
