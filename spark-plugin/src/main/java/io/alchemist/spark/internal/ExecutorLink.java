package io.alchemist.spark.internal;

import io.alchemist.spark.fleet.Link;
import io.alchemist.spark.fleet.Message;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.spark.rpc.RpcEndpointRef;
import org.apache.spark.rpc.RpcTimeout;
import scala.concurrent.Future;
import scala.concurrent.duration.FiniteDuration;
import scala.jdk.javaapi.FutureConverters;
import scala.reflect.ClassTag;
import scala.reflect.ClassTag$;

/** The driver's way to an executor, by Spark's own RPC. Thread-safe. */
public final class ExecutorLink implements Link {
  private static final ClassTag<byte[]> BYTES = ClassTag$.MODULE$.apply(byte[].class);

  private final RpcEndpointRef reference;

  private ExecutorLink(RpcEndpointRef reference) {
    this.reference = reference;
  }

  /**
   * What an executor says, with or without the way back to it.
   *
   * @throws IllegalArgumentException when the object is something else
   */
  public static Message message(Object received) {
    if (received instanceof byte[] bytes) {
      return Message.decode(bytes);
    }
    if (received instanceof Object[] parts
        && parts.length == 2
        && parts[0] instanceof byte[] bytes) {
      return Message.decode(bytes);
    }
    throw new IllegalArgumentException(
        "A message of class " + received.getClass().getName()
            + " is none of Alchemist's. Give driver and executors the same jars.");
  }

  /**
   * The way back that came with a message.
   *
   * @throws IllegalArgumentException when none did
   */
  public static Link back(Object received) {
    if (received instanceof Object[] parts
        && parts.length == 2
        && parts[1] instanceof RpcEndpointRef reference) {
      return new ExecutorLink(reference);
    }
    throw new IllegalArgumentException(
        "The executor's hello has no way back. Give driver and executors the same jars.");
  }

  @Override
  public CompletionStage<Message> ask(Message message, Duration limit) {
    try {
      Future<byte[]> reply = reference.ask(
          Message.encode(message),
          new RpcTimeout(
              FiniteDuration.fromNanos(limit.toNanos()),
              "spark.alchemist: " + limit.toMillis() + " ms"),
          BYTES);
      return FutureConverters.asJava(reply).thenApply(Message::decode);
    } catch (RuntimeException e) {
      return CompletableFuture.failedFuture(e);
    }
  }
}
