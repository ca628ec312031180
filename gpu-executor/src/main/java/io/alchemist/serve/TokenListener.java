package io.alchemist.serve;

import org.jspecify.annotations.Nullable;

/** Told of one sequence's tokens as they come. Called on the engine thread; must not block. */
public interface TokenListener {

  /**
   * A token was chosen.
   *
   * @return whether to go on; false ends the sequence with {@link FinishReason#STOP}
   */
  boolean onToken(SampledToken token);

  /**
   * The last call.
   *
   * @param turn what was asked and answered
   * @param error the reason where the turn's finish is ERROR
   */
  void onEnd(Turn turn, @Nullable RequestException error);
}
