package io.alchemist.text;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/**
 * Turns the tokens of one sequence into text as they come. Only complete characters are returned: the bytes of one that
 * several tokens share wait for the last of them. Bytes that are no UTF-8 become U+FFFD. Special tokens are skipped. All
 * texts returned, {@link #flush} included, make up exactly what {@link Tokenizer#decode} returns for all tokens. Costs
 * the token's own bytes, however long the sequence is. Not thread-safe.
 */
public final class Detokenizer {
  private static final int INITIAL_BYTES = 64;

  private final TokenBytes tokens;
  private final CharsetDecoder decoder = StandardCharsets.UTF_8
      .newDecoder()
      .onMalformedInput(CodingErrorAction.REPLACE)
      .onUnmappableCharacter(CodingErrorAction.REPLACE);
  /** Bytes not yet decoded, from 0 to the position. */
  private ByteBuffer bytes = ByteBuffer.allocate(INITIAL_BYTES);

  private CharBuffer chars = CharBuffer.allocate(INITIAL_BYTES);
  private boolean dropSpace;

  Detokenizer(TokenBytes tokens, boolean textStart) {
    this.tokens = tokens;
    this.dropSpace = textStart && tokens.startsWithSpace();
  }

  /**
   * Takes the next token and returns the characters it completes, often none or one word.
   *
   * @param id token; one beyond the vocabulary (models pad theirs) stands for no text
   * @throws IllegalArgumentException when it is negative
   */
  public String append(int id) {
    int length = tokens.isSpecial(id) ? 0 : tokens.length(id);
    if (length == 0) {
      return "";
    }
    if (bytes.remaining() < length) {
      bytes = ByteBuffer.allocate(2 * (bytes.position() + length)).put(bytes.flip());
    }
    int start = bytes.position();
    tokens.copy(id, bytes);
    if (dropSpace) {
      dropSpace = false;
      if (bytes.get(start) == ' ') {
        bytes.flip().position(start + 1);
        bytes.compact();
      }
    }
    return decode(false);
  }

  /** Ends the sequence: what is left of an incomplete character becomes U+FFFD. */
  public String flush() {
    String rest = decode(true);
    decoder.reset();
    return rest;
  }

  private String decode(boolean end) {
    bytes.flip();
    // A byte makes at most one char.
    if (chars.capacity() < bytes.remaining()) {
      chars = CharBuffer.allocate(2 * bytes.remaining());
    }
    chars.clear();
    decoder.decode(bytes, chars, end);
    bytes.compact();
    return chars.flip().toString();
  }
}
