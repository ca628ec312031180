package io.alchemist.spark.internal;

import io.alchemist.spark.fleet.Message;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;
import org.apache.spark.SparkEnv;
import org.apache.spark.rpc.RpcCallContext;
import org.apache.spark.rpc.RpcEndpoint;
import org.apache.spark.rpc.RpcEndpointRef;
import org.apache.spark.rpc.RpcEnv;
import org.apache.spark.storage.BlockManagerId;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import scala.Function1;
import scala.PartialFunction;
import scala.runtime.AbstractPartialFunction;
import scala.runtime.BoxedUnit;

/**
 * Where an executor hears the driver: an endpoint of Spark's own RPC, so that it is authenticated and encrypted as Spark's
 * messages are. Spark's plugins can only send the other way.
 */
public final class ExecutorEndpoint implements RpcEndpoint, AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ExecutorEndpoint.class);
  private static final String NAME = "alchemist-executor";

  private final RpcEnv rpcEnv;
  private final Function<Message, CompletionStage<Message>> handler;
  private final RpcEndpointRef reference;

  /**
   * Opens it in this process.
   *
   * @param handler answers each message; called on a thread of Spark's RPC, so it must not block
   */
  public ExecutorEndpoint(SparkEnv env, Function<Message, CompletionStage<Message>> handler) {
    this.rpcEnv = env.rpcEnv();
    this.handler = handler;
    this.reference = rpcEnv.setupEndpoint(NAME, this);
  }

  /** The host by which Spark knows an executor; empty before it does. On a cluster the plugin's context fails when asked. */
  public static String host(SparkEnv env) {
    BlockManagerId id = env.blockManager().blockManagerId();
    return id == null ? "" : id.host();
  }

  /** What the plugin's {@code ask} takes: the message, with the way back to this endpoint. */
  public Object hello(Message message) {
    return new Object[] {Message.encode(message), reference};
  }

  @Override
  public RpcEnv rpcEnv() {
    return rpcEnv;
  }

  @Override
  public PartialFunction<Object, BoxedUnit> receiveAndReply(RpcCallContext context) {
    return new AbstractPartialFunction<>() {
      @Override
      public boolean isDefinedAt(Object message) {
        return message instanceof byte[];
      }

      @Override
      @SuppressWarnings(
          "unchecked") // the parameters of a partial function know nothing of its result
      public <A, B> B applyOrElse(A message, Function1<A, B> otherwise) {
        if (message instanceof byte[] bytes) {
          answer(bytes, context);
          return (B) BoxedUnit.UNIT;
        }
        return otherwise.apply(message);
      }
    };
  }

  private void answer(byte[] bytes, RpcCallContext context) {
    try {
      CompletionStage<Void> unused = handler
          .apply(Message.decode(bytes))
          .handle((reply, failure) -> {
            if (failure == null) {
              context.reply(Message.encode(reply));
            } else {
              context.sendFailure(failure);
            }
            return null;
          });
    } catch (RuntimeException e) {
      LOG.warn("A message of the driver failed", e);
      context.sendFailure(e);
    }
  }

  @Override
  public void close() {
    rpcEnv.stop(reference);
  }
}
