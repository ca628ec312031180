package io.alchemist.spark.rounds;

import java.io.Serializable;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * An example that a new version must not get worse at: a conversation as text, or a prompt in tokens, and the right answer,
 * as text or in tokens.
 *
 * @param messages role and content of each message; null where {@code prompt} is given
 * @param prompt token ids; null where {@code messages} is given
 * @param answer text; null where {@code completion} is given
 * @param completion token ids; null where {@code answer} is given
 */
@SuppressWarnings("ArrayRecordComponent") // handed over, never compared
record GateExample(
    @Nullable List<Message> messages,
    int @Nullable [] prompt,
    @Nullable String answer,
    int @Nullable [] completion)
    implements Serializable {

  /** A message of a conversation. */
  record Message(String role, String content) implements Serializable {}
}
