package io.alchemist.http;

import io.alchemist.serve.RequestException;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.socket.DuplexChannel;
import io.netty.handler.codec.DecoderResult;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.DefaultHttpRequest;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpObject;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.codec.http.TooLongHttpHeaderException;
import io.netty.handler.codec.http.TooLongHttpLineException;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.Future;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One client's connection: reads its requests, one after the other, and hands each to its endpoint once its body is
 * whole. What a client sends ahead while it waits for an answer is kept, up to a bound; then nothing more is read. Up to
 * that bound reading goes on, since only so the client's leaving is seen.
 *
 * <p>A client that closes its sending side counts as gone. An answer that ends the connection is followed by the end of
 * our sending side; what the client still sends is thrown away for a while, as closing at once could destroy the answer
 * before it is read.
 *
 * <p>Event loop only. Reading, answering and closing are one state machine, so they are one class.
 */
@SuppressWarnings(
    "FutureReturnValueIgnored") // A write that fails closes the channel, which channelInactive
// sees.
final class Connection extends ChannelInboundHandlerAdapter implements Exchange.Owner {
  private static final Logger LOG = LoggerFactory.getLogger(Connection.class);
  private static final int LINGER_MILLIS = 2_000;
  private static final int HEAD_BYTES = 1_024;

  private enum State {
    /** Nothing of the next request has come. */
    IDLE,
    /** A request's body is coming. */
    BODY,
    /** A request is being answered. */
    ANSWERING,
    /** The last answer was sent. */
    LINGERING
  }

  private final ApiConfig config;
  private final Map<Route, Endpoint> endpoints;
  private final HttpMetrics metrics;
  private final BooleanSupplier serverCloses;
  private final Deque<HttpObject> ahead = new ArrayDeque<>();
  private long aheadBytes;
  private State state = State.IDLE;
  private boolean counted;
  private @Nullable Exchange exchange;
  private @Nullable ApiError refusal;
  private String path = "";
  private ByteBuf body = Unpooled.EMPTY_BUFFER;
  private @Nullable Future<?> deadline;
  private @Nullable Future<?> slowReader;
  private @Nullable ChannelHandlerContext context;

  Connection(
      ApiConfig config,
      Map<Route, Endpoint> endpoints,
      HttpMetrics metrics,
      BooleanSupplier serverCloses) {
    this.config = config;
    this.endpoints = endpoints;
    this.metrics = metrics;
    this.serverCloses = serverCloses;
  }

  @Override
  public void channelActive(ChannelHandlerContext ctx) {
    context = ctx;
    counted = true;
    if (metrics.opened() > config.maxConnections()) {
      refuse(
          ctx,
          ApiError.unavailable(
              "too_many_connections",
              "All " + config.maxConnections() + " connections are taken; try again later."));
    } else if (serverCloses.getAsBoolean()) {
      ctx.close();
    } else {
      armDeadline(ctx);
    }
  }

  /** Ends the connection when it has nothing to answer any more. */
  void drain() {
    ChannelHandlerContext ctx = context;
    if (ctx != null && state != State.ANSWERING && state != State.LINGERING) {
      ctx.close();
    } else if (exchange != null) {
      exchange.closeAfter();
    }
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object message) {
    if (state == State.LINGERING || !(message instanceof HttpObject part)) {
      ReferenceCountUtil.release(message);
    } else if (state == State.ANSWERING) {
      keep(ctx, part);
    } else {
      accept(ctx, part);
    }
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    if (counted) {
      counted = false;
      metrics.closed();
    }
    cancel(deadline);
    cancel(slowReader);
    abort();
    state = State.LINGERING;
    body.release();
    body = Unpooled.EMPTY_BUFFER;
    ahead.forEach(ReferenceCountUtil::release);
    ahead.clear();
  }

  @Override
  public void channelWritabilityChanged(ChannelHandlerContext ctx) {
    if (exchange != null && ctx.channel().isWritable()) {
      exchange.becameWritable();
    }
    cancel(slowReader);
    slowReader = null;
    if (!ctx.channel().isWritable()) {
      watch(ctx, unread(ctx));
    }
  }

  /** Cuts a reader off who, after a while, has no less to read than now; a large answer may take longer than that. */
  private void watch(ChannelHandlerContext ctx, long unreadNow) {
    slowReader = ctx.executor()
        .schedule(
            () -> {
              long left = unread(ctx);
              if (left < unreadNow) {
                watch(ctx, left);
              } else {
                cutOff(ctx, "took nothing for " + config.slowReaderTimeoutMillis() + " ms");
              }
            },
            config.slowReaderTimeoutMillis(),
            TimeUnit.MILLISECONDS);
  }

  /** Bytes written to the channel and not taken by the network. */
  private static long unread(ChannelHandlerContext ctx) {
    ChannelOutboundBuffer pending = ctx.channel().unsafe().outboundBuffer();
    return pending == null ? 0 : pending.totalPendingWriteBytes() - pending.currentProgress();
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    if (cause instanceof IOException) {
      LOG.debug("Connection {} broke.", ctx.channel(), cause);
    } else {
      LOG.warn("Connection {} is closed after an unexpected error.", ctx.channel(), cause);
    }
    ctx.close();
  }

  @Override
  public void answered(Exchange answered, ChannelFuture last) {
    if (!answered.keepAlive() || serverCloses.getAsBoolean()) {
      state = State.LINGERING;
    }
    // The next request waits until this answer has left, so that a reader that does not read bounds
    // its own backlog.
    last.addListener((ChannelFuture sent) -> {
      exchange = null;
      if (!sent.isSuccess()) {
        sent.channel().close();
      } else if (state == State.LINGERING || serverCloses.getAsBoolean()) {
        linger(sent.channel());
      } else {
        next(sent.channel());
      }
    });
  }

  @Override
  public void tooSlow(Exchange slow) {
    if (context != null) {
      cutOff(context, "left more than " + config.maxQueuedBytes() + " bytes unread");
    }
  }

  private void cutOff(ChannelHandlerContext ctx, String why) {
    LOG.info("Connection {} is closed: the client {}.", ctx.channel(), why);
    metrics.slowReader();
    abort();
    ctx.close();
  }

  private void abort() {
    Exchange aborted = exchange;
    exchange = null;
    if (aborted != null) {
      aborted.abort();
    }
  }

  private void next(Channel channel) {
    ChannelHandlerContext ctx = context;
    if (ctx == null || !channel.isActive()) {
      return;
    }
    state = State.IDLE;
    armDeadline(ctx);
    while (!ahead.isEmpty() && state != State.ANSWERING && state != State.LINGERING) {
      HttpObject part = ahead.removeFirst();
      aheadBytes -= cost(part);
      accept(ctx, part);
    }
    if (aheadBytes <= config.maxBodyBytes()) {
      channel.config().setAutoRead(true);
    }
  }

  private void keep(ChannelHandlerContext ctx, HttpObject part) {
    ahead.addLast(part);
    aheadBytes += cost(part);
    if (aheadBytes > config.maxBodyBytes()) {
      ctx.channel().config().setAutoRead(false);
    }
  }

  private static long cost(HttpObject part) {
    long bytes = part instanceof HttpRequest ? HEAD_BYTES : 0;
    return part instanceof HttpContent content ? bytes + content.content().readableBytes() : bytes;
  }

  private void accept(ChannelHandlerContext ctx, HttpObject part) {
    try {
      if (part.decoderResult().isFailure()) {
        refuse(ctx, malformed(part.decoderResult()));
        return;
      }
      if (part instanceof HttpRequest request && state == State.IDLE) {
        head(ctx, request);
      }
      if (part instanceof HttpContent content && state == State.BODY) {
        body(content);
      }
    } finally {
      ReferenceCountUtil.release(part);
    }
  }

  private void head(ChannelHandlerContext ctx, HttpRequest request) {
    armDeadline(ctx);
    String decoded = Route.path(request.uri());
    path = decoded == null ? "" : decoded;
    Route route = Route.of(path);
    Exchange started = new Exchange(this, ctx, route, request, metrics, config.maxQueuedBytes());
    exchange = started;
    state = State.BODY;
    refusal = decoded == null
        ? ApiError.request(
            HttpResponseStatus.BAD_REQUEST, "invalid_path", "The request's target is no path.")
        : check(route, request);
    if (tooLong(request)) {
      answerAndClose(started, ApiError.tooLarge(config.maxBodyBytes()));
    } else if (request.headers().contains(HttpHeaderNames.EXPECT)) {
      expect(ctx, started, request);
    }
    body = Unpooled.buffer(0, Integer.MAX_VALUE);
  }

  /** A client that asks first whether its body is wanted gets its refusal before it sends it. */
  private void expect(ChannelHandlerContext ctx, Exchange started, HttpRequest request) {
    if (refusal != null) {
      answerAndClose(started, refusal);
    } else if (HttpUtil.is100ContinueExpected(request)) {
      ctx.writeAndFlush(new DefaultFullHttpResponse(
          HttpVersion.HTTP_1_1, HttpResponseStatus.CONTINUE, Unpooled.EMPTY_BUFFER));
    } else {
      answerAndClose(
          started,
          ApiError.request(
              HttpResponseStatus.EXPECTATION_FAILED,
              "expectation_failed",
              "Of the Expect header only 100-continue is understood."));
    }
  }

  private void body(HttpContent content) {
    Exchange current = exchange;
    if (current == null) {
      return;
    }
    if (body.readableBytes() + (long) content.content().readableBytes() > config.maxBodyBytes()) {
      answerAndClose(current, ApiError.tooLarge(config.maxBodyBytes()));
      return;
    }
    body.writeBytes(content.content());
    if (content instanceof LastHttpContent) {
      cancel(deadline);
      state = State.ANSWERING;
      ByteBuf whole = body;
      body = Unpooled.EMPTY_BUFFER;
      try {
        answer(current, whole);
      } finally {
        whole.release();
      }
    }
  }

  private void answer(Exchange current, ByteBuf whole) {
    Endpoint endpoint = endpoints.get(current.route());
    if (refusal != null || endpoint == null) {
      current.error(refusal != null ? refusal : unknownPath());
      return;
    }
    try {
      endpoint.handle(current, path, whole);
    } catch (RequestException e) {
      current.error(ApiError.of(e));
    } catch (RuntimeException e) {
      LOG.error("{} failed.", current.route().template(), e);
      current.error(ApiError.internal("The server failed to answer; its log says why."));
    }
  }

  private @Nullable ApiError check(Route route, HttpRequest request) {
    HttpMethod method = request.method();
    if (!endpoints.containsKey(route)) {
      return unknownPath();
    }
    if (!route.takes(method)) {
      return ApiError.wrongMethod(method.name(), path, route.allowed());
    }
    if (!method.equals(HttpMethod.POST)) {
      return null;
    }
    String encoding = request.headers().get(HttpHeaderNames.CONTENT_ENCODING, "identity");
    String type = request.headers().get(HttpHeaderNames.CONTENT_TYPE, "application/json");
    if (!encoding.equalsIgnoreCase("identity")
        || !type.toLowerCase(Locale.ROOT).trim().startsWith("application/json")) {
      // A web page may send other types across origins without asking; it may not send this one.
      return ApiError.request(
          HttpResponseStatus.UNSUPPORTED_MEDIA_TYPE,
          "unsupported_media_type",
          "The body must be application/json, not compressed; set Content-Type: application/json.");
    }
    return null;
  }

  private ApiError unknownPath() {
    return ApiError.request(
        HttpResponseStatus.NOT_FOUND, "unknown_path", "There is nothing at " + shown(path) + ".");
  }

  private static String shown(String path) {
    return path.length() <= 100 ? path : path.substring(0, path.offsetByCodePoints(0, 50)) + "...";
  }

  private boolean tooLong(HttpRequest request) {
    // The decoder has checked that the length is a number.
    return HttpUtil.getContentLength(request, 0L) > config.maxBodyBytes();
  }

  private static ApiError malformed(DecoderResult result) {
    Throwable cause = result.cause();
    if (cause instanceof TooLongHttpLineException) {
      return ApiError.request(
          HttpResponseStatus.REQUEST_URI_TOO_LONG,
          "uri_too_long",
          "The request's first line is too long.");
    }
    if (cause instanceof TooLongHttpHeaderException) {
      return ApiError.request(
          HttpResponseStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
          "headers_too_large",
          "The request's headers are too large.");
    }
    return ApiError.request(
        HttpResponseStatus.BAD_REQUEST, "malformed_request", "This is not a valid HTTP request.");
  }

  private void answerAndClose(Exchange current, ApiError error) {
    state = State.ANSWERING;
    current.closeAfter();
    current.error(error);
  }

  /** Answers what is no request, or one that is broken off. */
  private void refuse(ChannelHandlerContext ctx, ApiError error) {
    Exchange current = exchange;
    if (current == null) {
      HttpRequest none = new DefaultHttpRequest(HttpVersion.HTTP_1_1, HttpMethod.GET, "/");
      current = new Exchange(this, ctx, Route.NONE, none, metrics, config.maxQueuedBytes());
      exchange = current;
    }
    answerAndClose(current, error);
  }

  private void linger(Channel channel) {
    state = State.LINGERING;
    cancel(deadline);
    channel.config().setAutoRead(true);
    if (channel instanceof DuplexChannel duplex && channel.isActive()) {
      duplex.shutdownOutput();
    }
    if (context != null) {
      deadline =
          context.executor().schedule(() -> channel.close(), LINGER_MILLIS, TimeUnit.MILLISECONDS);
    }
  }

  /** The time within which the next request must begin, or the one that has begun must be whole. */
  private void armDeadline(ChannelHandlerContext ctx) {
    cancel(deadline);
    deadline =
        ctx.executor().schedule(() -> late(ctx), config.idleTimeoutMillis(), TimeUnit.MILLISECONDS);
  }

  private void late(ChannelHandlerContext ctx) {
    if (state == State.BODY) {
      refuse(
          ctx,
          ApiError.request(
              HttpResponseStatus.REQUEST_TIMEOUT,
              "request_timeout",
              "The body did not come within " + config.idleTimeoutMillis() + " ms."));
    } else if (state == State.IDLE) {
      ctx.close();
    }
  }

  private static void cancel(@Nullable Future<?> timer) {
    if (timer != null) {
      timer.cancel(false);
    }
  }
}
