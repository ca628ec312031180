package io.alchemist.spark.fleet;

import io.alchemist.weights.AdapterData;
import java.io.Serializable;
import java.util.List;
import org.apache.spark.broadcast.Broadcast;

/**
 * What driver and executors say to each other. Sent as bytes, since Spark's RPC may not know the classes of a jar that was
 * added to the job; so they are written and read here.
 */
public sealed interface Message extends Serializable {

  /** Executor to driver: I am here. Answered by {@link Welcome}, or by {@link NotYet} while the driver is still starting. */
  record Hello(String executorId) implements Message {}

  /**
   * The driver has started.
   *
   * @param activationRdd id of the RDD whose blocks the host tier is made of, or -1 where there is to be no host tier
   */
  record Welcome(int activationRdd) implements Message {}

  /** Ask again in a moment. */
  record NotYet() implements Message {}

  /**
   * Executor to driver: the engine serves.
   *
   * @param executorId Spark's id
   * @param host where its API server can be reached
   * @param port likewise
   * @param device in words
   * @param model name of the model it serves
   */
  record Ready(String executorId, String host, int port, String device, String model)
      implements Message {}

  /**
   * Executor to driver: the engine can't start.
   *
   * @param reason for a person to read
   */
  record Failed(String executorId, String host, String reason) implements Message {}

  /** Executor to driver: it ends, so fetch what it still has. Answered by {@link Done} when that is committed. */
  record Leaving(String executorId) implements Message {}

  /** Driver to executor: give me what came after, and how you are. Answered by a {@link Parcel}. */
  record Collect(long after, long maxBytes) implements Message {}

  /** Driver to executor: everything up to here is in the tables. Answered by {@link Done}. */
  record Committed(long upTo) implements Message {}

  /**
   * Driver to executor: serve this version from now on. Answered by {@link Done}.
   *
   * @param adapter its values; by Spark's broadcast, so that executors pass it on among themselves
   */
  record Publish(long version, Broadcast<Packed<AdapterData>> adapter) implements Message {}

  /** Driver to executor: take no more requests, finish what you have. Answered by {@link Done} at once. */
  record Drain() implements Message {}

  /** It is done. */
  record Done() implements Message {}

  /**
   * Answered turns and posted feedback, in the order of their numbers.
   *
   * @param upTo number of the last of them; what {@link Committed} is to say
   * @param more whether there is more at once
   */
  record Parcel(
      List<ServedTurn> turns,
      List<PostedFeedback> feedback,
      long upTo,
      boolean more,
      ExecutorReport report)
      implements Message {
    public Parcel {
      turns = List.copyOf(turns);
      feedback = List.copyOf(feedback);
    }
  }

  /** The message as bytes. */
  static byte[] encode(Message message) {
    return Packed.write(message);
  }

  /** The message of these bytes. */
  static Message decode(byte[] bytes) {
    return (Message) Packed.read(bytes);
  }
}
