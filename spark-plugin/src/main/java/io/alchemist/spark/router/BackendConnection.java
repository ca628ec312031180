package io.alchemist.spark.router;

import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpObject;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpStatusClass;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.Future;
import java.net.InetSocketAddress;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A connection to an executor: one request at a time, for whoever sent it. Event loop only. */
@SuppressWarnings(
    "FutureReturnValueIgnored") // What fails closes the channel, which channelInactive sees.
final class BackendConnection extends ChannelInboundHandlerAdapter {

  /** Told of the answer to one request. After {@link #end} or {@link #lost} nothing more comes. */
  interface Answer {
    /** The answer begins. */
    void head(HttpResponse head);

    /** A piece of the body; taken over by the callee. */
    void data(ByteBuf piece);

    /** For now no more data is at hand. */
    void dataComplete();

    /** The answer is whole; the connection is no longer the caller's. */
    void end();

    /** The connection ended before that. */
    void lost(String why);
  }

  private final BackendPool pool;
  private final InetSocketAddress address;
  private @Nullable Channel channel;
  private @Nullable Answer answer;
  private boolean reusable;
  private boolean informational;
  private @Nullable Future<?> idleTimer;

  BackendConnection(BackendPool pool, InetSocketAddress address) {
    this.pool = pool;
    this.address = address;
  }

  InetSocketAddress address() {
    return address;
  }

  /** Sends a request, which is taken over. */
  void send(FullHttpRequest request, Answer to) {
    Channel current = channel;
    if (current == null) {
      request.release();
      to.lost("it was closed at once");
      return;
    }
    answer = to;
    reusable = false;
    current.writeAndFlush(request).addListener((ChannelFuture sent) -> {
      if (!sent.isSuccess()) {
        lost(sent.cause().toString());
      }
    });
  }

  /** Stops or goes on reading the answer. */
  void read(boolean on) {
    if (channel != null) {
      channel.config().setAutoRead(on);
    }
  }

  /** Ends the connection; nobody is told. To an executor that is the client's leaving. */
  void close() {
    answer = null;
    if (channel != null) {
      channel.close();
    }
  }

  /** Waits for a next request, but not for long. */
  void sleep(Channel sleeping, int millis) {
    idleTimer = sleeping.eventLoop().schedule(this::close, millis, TimeUnit.MILLISECONDS);
  }

  void wake() {
    pool.remove(this);
    if (idleTimer != null) {
      idleTimer.cancel(false);
      idleTimer = null;
    }
  }

  @Override
  public void handlerAdded(ChannelHandlerContext ctx) {
    // Not in channelActive: who connects is told before that.
    channel = ctx.channel();
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object message) {
    try {
      if (answer == null) {
        // Late parts of what was given up, or bytes nobody asked for.
        ctx.close();
      } else if (!(message instanceof HttpObject part) || part.decoderResult().isFailure()) {
        lost("its answer is not valid HTTP");
      } else {
        accept(part);
      }
    } finally {
      ReferenceCountUtil.release(message);
    }
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext ctx) {
    if (answer != null) {
      answer.dataComplete();
    }
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    wake();
    lost("the connection ended");
    channel = null;
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    lost(cause.toString());
  }

  private void accept(HttpObject part) {
    if (part instanceof HttpResponse head) {
      informational = head.status().codeClass() == HttpStatusClass.INFORMATIONAL;
      if (!informational && answer != null) {
        reusable = HttpUtil.isKeepAlive(head);
        answer.head(head);
      }
    }
    if (part instanceof HttpContent content && !informational) {
      if (content.content().isReadable() && answer != null) {
        answer.data(content.content().retain());
      }
      if (content instanceof LastHttpContent) {
        end();
      }
    }
  }

  private void end() {
    Answer ended = answer;
    Channel current = channel;
    if (ended == null || current == null) {
      return;
    }
    answer = null;
    if (reusable && current.isActive()) {
      current.config().setAutoRead(true);
      pool.put(this, current);
    } else {
      current.close();
    }
    ended.end();
  }

  private void lost(String why) {
    Answer losing = answer;
    close();
    if (losing != null) {
      losing.lost(why);
    }
  }
}
