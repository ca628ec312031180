package io.alchemist.spark.router;

import io.alchemist.http.ApiError;
import io.alchemist.http.Exchange;
import io.alchemist.http.Route;
import io.alchemist.spark.router.RouterMetrics.Outcome;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.DefaultFullHttpRequest;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.util.concurrent.Future;
import java.io.IOException;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One request on its way to an executor, and the answer on its way back. As long as nothing of an answer was sent to the
 * client, another executor may be tried, three in all:
 *
 * <ul>
 *   <li>whatever was asked, where no connection could be made: nothing was sent;
 *   <li>all but feedback, where the connection ended before the answer began, or the answer is 503. Feedback may have
 *       been stored although its answer is lost or says that storing took too long, and must not be stored twice.
 * </ul>
 *
 * <p>Pieces of the answer are passed on as they come. While the client does not take them, the executor's connection is not
 * read. A client that leaves ends the executor's connection, by which the engine is told to stop. Event loop only.
 */
final class Forward {
  private static final Logger LOG = LoggerFactory.getLogger(Forward.class);
  static final int MAX_TRIES = 3;

  private final Exchange exchange;
  private final String target;
  private final RouterConfig config;
  private final Backends backends;
  private final Placement placement;
  private final RouterMetrics metrics;
  private final BackendPool pool;
  private final Iterator<Backend> choices;
  private ByteBuf body;
  private int tries;
  private @Nullable Try current;

  Forward(
      Exchange exchange,
      ByteBuf body,
      List<Backend> choices,
      BackendPool pool,
      RouterConfig config,
      Backends backends,
      Placement placement,
      RouterMetrics metrics) {
    this.exchange = exchange;
    this.target = origin(exchange.request().uri());
    this.body = body.retain();
    this.choices = choices.iterator();
    this.pool = pool;
    this.config = config;
    this.backends = backends;
    this.placement = placement;
    this.metrics = metrics;
  }

  /** Sends the request to the first choice. */
  void start() {
    exchange.onAbort(() -> {
      if (current != null) {
        current.abandon(Outcome.CLIENT_LEFT);
      }
      releaseBody();
    });
    exchange.onWritable(() -> {
      if (current != null) {
        current.resume();
      }
    });
    nextChoice();
  }

  /** Where a connection that has served before comes from. */
  @FunctionalInterface
  private interface Pooled {
    @Nullable
    BackendConnection take(Backend backend);
  }

  private void attempt(Backend backend, Pooled pooled) {
    Try next = new Try(backend);
    current = next;
    // A connection that ends just as it is used again leaves open what was received.
    BackendConnection connection = feedback() ? null : pooled.take(backend);
    if (connection == null) {
      pool.connect(backend, next::connected, next::unreachable);
    } else {
      next.reused = true;
      next.connected(connection);
    }
  }

  private void nextChoice() {
    tries++;
    if (tries > 1) {
      metrics.retried();
    }
    attempt(choices.next(), pool::take);
  }

  /** Tries the next choice, or answers with {@code otherwise}. */
  private void next(ApiError otherwise) {
    if (anotherTry()) {
      nextChoice();
    } else {
      fail(otherwise);
    }
  }

  private boolean anotherTry() {
    return tries < MAX_TRIES && choices.hasNext();
  }

  private void fail(ApiError error) {
    current = null;
    releaseBody();
    exchange.error(error);
  }

  private boolean feedback() {
    return exchange.route() == Route.FEEDBACK;
  }

  private void releaseBody() {
    body.release();
    body = Unpooled.EMPTY_BUFFER;
  }

  /** Requests to a server name a path, not a whole URI. */
  private static String origin(String uri) {
    int scheme = uri.startsWith("/") ? -1 : uri.indexOf("://");
    int slash = scheme < 0 ? -1 : uri.indexOf('/', scheme + 3);
    return slash < 0 ? uri : uri.substring(slash);
  }

  /** One request to one executor. */
  private final class Try implements BackendConnection.Answer {
    private final Backend backend;
    private boolean reused;
    private boolean over;
    private boolean begun;
    private @Nullable EventCutter events;
    private @Nullable BackendConnection connection;
    private @Nullable Future<?> timer;
    private long lastNanos;

    Try(Backend backend) {
      this.backend = backend;
      placement.started(backend);
    }

    void connected(BackendConnection made) {
      if (over) {
        made.close();
        return;
      }
      connection = made;
      FullHttpRequest request = new DefaultFullHttpRequest(
          HttpVersion.HTTP_1_1,
          exchange.request().method(),
          target,
          body.retainedDuplicate(),
          ProxyHeaders.request(exchange, backend, body.readableBytes()),
          new DefaultHttpHeaders());
      metrics.sent(body.readableBytes());
      timer = exchange
          .executor()
          .schedule(this::late, config.responseTimeoutMillis(), TimeUnit.MILLISECONDS);
      made.send(request, this);
    }

    void unreachable(Throwable cause) {
      if (over) {
        return;
      }
      end(Outcome.UNREACHABLE);
      LOG.info("Executor {} cannot be reached: {}", backend.id(), cause.toString());
      if (cause instanceof IOException) {
        // Others are our own fault, such as too many open files.
        backends.unreachable(backend, cause.toString());
      }
      next(ApiError.upstream(
          HttpResponseStatus.BAD_GATEWAY,
          "executor_unreachable",
          "No executor could be reached in " + tries + " tries; try again later."));
    }

    @Override
    public void head(HttpResponse head) {
      if (head.status().equals(HttpResponseStatus.SERVICE_UNAVAILABLE)
          && !feedback()
          && anotherTry()) {
        abandon(Outcome.UNAVAILABLE);
        nextChoice();
        return;
      }
      begun = true;
      releaseBody();
      metrics.firstByte(exchange.route(), exchange.elapsedNanos());
      String type = head.headers().get(HttpHeaderNames.CONTENT_TYPE, "");
      events = type.startsWith("text/event-stream") ? new EventCutter() : null;
      cancelTimer();
      lastNanos = System.nanoTime();
      watch(config.idleTimeoutMillis());
      exchange.begin(head.status(), ProxyHeaders.response(head.headers(), backend));
    }

    @Override
    public void data(ByteBuf piece) {
      lastNanos = System.nanoTime();
      metrics.relayed(piece.readableBytes());
      exchange.data(events == null ? piece : events.add(piece));
      if (!exchange.writable() && connection != null) {
        connection.read(false);
      }
    }

    @Override
    public void dataComplete() {
      exchange.flush();
    }

    @Override
    public void end() {
      end(Outcome.ANSWERED);
      current = null;
      if (events != null) {
        exchange.data(events.rest());
      }
      exchange.endData();
    }

    @Override
    public void lost(String why) {
      LOG.info("The connection to executor {} is lost: {}.", backend.id(), why);
      if (begun) {
        broken(why);
        return;
      }
      end(Outcome.LOST);
      if (feedback()) {
        fail(ApiError.upstream(
            HttpResponseStatus.BAD_GATEWAY,
            "executor_lost",
            "Executor " + backend.id()
                + " was lost before it confirmed the feedback, which may or may "
                + "not be stored; send it again with the same id."));
      } else if (reused) {
        // The executor itself may be well: it had only ended a connection that waited. So this is
        // the same choice.
        metrics.retried();
        attempt(backend, same -> null);
      } else {
        next(ApiError.upstream(
            HttpResponseStatus.BAD_GATEWAY,
            "executor_lost",
            "Executor " + backend.id() + " was lost before it answered; try again."));
      }
    }

    /** The client takes more. */
    void resume() {
      if (connection != null) {
        lastNanos = System.nanoTime();
        connection.read(true);
      }
    }

    /** Gives the try up, whatever it is at. */
    void abandon(Outcome outcome) {
      if (over) {
        return;
      }
      BackendConnection closing = connection;
      end(outcome);
      if (closing != null) {
        closing.close();
      }
    }

    private void late() {
      abandon(Outcome.TIMEOUT);
      fail(ApiError.upstream(
          HttpResponseStatus.GATEWAY_TIMEOUT,
          "executor_timeout",
          "Executor " + backend.id() + " did not answer within " + config.responseTimeoutMillis()
              + " ms; ask for fewer tokens, or stream the answer."));
    }

    /** Looks whether something has come in the meantime, which is cheaper than a new timer for each piece. */
    private void watch(long millis) {
      timer = exchange.executor().schedule(this::stalled, millis, TimeUnit.MILLISECONDS);
    }

    private void stalled() {
      long silent = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - lastNanos);
      if (!exchange.writable()) {
        // It is the client who does not take; the server cuts it off.
        watch(config.idleTimeoutMillis());
      } else if (silent < config.idleTimeoutMillis()) {
        watch(config.idleTimeoutMillis() - silent);
      } else {
        BackendConnection closing = connection;
        broken("nothing came for " + silent + " ms");
        if (closing != null) {
          closing.close();
        }
      }
    }

    private void broken(String why) {
      LOG.warn("Executor {} did not finish an answer: {}.", backend.id(), why);
      end(Outcome.BROKEN);
      current = null;
      if (events == null) {
        exchange.breakOff();
      } else {
        exchange.data(events.separator());
        exchange.failEvents(ApiError.upstream(
            HttpResponseStatus.BAD_GATEWAY,
            "executor_lost",
            "Executor " + backend.id() + " was lost in the middle of the answer (" + why
                + "); what came so far is not whole."));
      }
    }

    private void end(Outcome outcome) {
      over = true;
      connection = null;
      cancelTimer();
      placement.ended(backend);
      metrics.tried(exchange.route(), outcome);
    }

    private void cancelTimer() {
      if (timer != null) {
        timer.cancel(false);
      }
    }
  }
}
