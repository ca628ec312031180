package io.alchemist.serve;

import java.util.List;
import java.util.concurrent.CompletionStage;

/** What the HTTP server serves: one model, its versions and where feedback goes. Thread-safe; nothing blocks, {@link #tokenize} takes its time. */
public interface TextService {

  /** The name under which clients ask for the model, and of its versions, newest first. */
  ModelInfo model();

  /**
   * The tokens of a prompt. Takes the longer the longer it is, for long ones many milliseconds: nothing for an event loop.
   *
   * @throws RequestException when the model's template refuses the conversation, or it has none, or the text is too long
   */
  int[] tokenize(TextRequest.Prompt prompt);

  /**
   * Starts a completion.
   *
   * @param id the response's id, under which feedback will cite it
   * @param promptTokens of the request's prompt; not to be changed any more
   * @throws RequestException when it is refused: malformed, too long, queue full, draining
   */
  Completion complete(String id, TextRequest request, int[] promptTokens, TextListener listener);

  /**
   * Takes feedback.
   *
   * @return done once the feedback is durable; fails with {@link RequestException} or an I/O error
   */
  CompletionStage<Void> feedback(Feedback feedback);

  /** How the engine is. */
  Health health();

  /** A completion under way. */
  interface Completion {
    /** Ends it early: the client went away. Any thread; does nothing once it has ended. */
    void cancel();
  }

  /**
   * The model that is served.
   *
   * @param id the model's name
   * @param createdEpochSeconds when it was loaded
   * @param contextTokens longest context
   * @param liveVersion the weight version that new requests get
   * @param versions all versions kept
   */
  record ModelInfo(
      String id,
      long createdEpochSeconds,
      int contextTokens,
      long liveVersion,
      List<Long> versions) {}

  /** Whether requests are accepted, and why not where they are not. */
  record Health(Status status, String detail) {
    /** In the order of a life. */
    public enum Status {
      STARTING,
      READY,
      DRAINING,
      FAILED
    }
  }
}
