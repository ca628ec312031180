package io.alchemist.spark.fleet;

import io.alchemist.serve.AnsweredTurn;
import io.alchemist.serve.Turn;
import java.io.Serializable;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * An answered turn on its way from an executor to the table {@code turns}. Its components are the table's columns.
 *
 * @param turnId the response's id
 * @param conversationId names the conversation's beginning
 * @param user who asked, or null
 * @param version weight version that served it
 * @param prompt token ids
 * @param completion token ids
 * @param logProbs one for each token of the completion
 * @param promptText the user's last message, or null
 * @param completionText the answer
 * @param cachedTokens prompt tokens that the prefix tree had
 * @param finish why it ended
 * @param endedEpochMillis when
 */
@SuppressWarnings("ArrayRecordComponent") // handed over, never compared
public record ServedTurn(
    String turnId,
    String conversationId,
    @Nullable String user,
    long version,
    int[] prompt,
    int[] completion,
    float[] logProbs,
    @Nullable String promptText,
    String completionText,
    int cachedTokens,
    String finish,
    long endedEpochMillis)
    implements Serializable {
  private static final int OBJECT_BYTES = 256;

  /** Of an answer that the engine gave. */
  public static ServedTurn of(AnsweredTurn answered) {
    Turn turn = answered.turn();
    return new ServedTurn(
        turn.id(),
        answered.conversation(),
        answered.user(),
        turn.version(),
        turn.prompt(),
        turn.completion(),
        turn.logProbs(),
        answered.question(),
        answered.answer(),
        turn.cachedTokens(),
        turn.finish().name().toLowerCase(Locale.ROOT),
        turn.endedEpochMillis());
  }

  /** About how much memory it takes. */
  public long sizeBytes() {
    return OBJECT_BYTES
        + 4L * (prompt.length + 2L * completion.length)
        + 2L * (completionText.length() + (promptText == null ? 0 : promptText.length()));
  }
}
