package io.alchemist.http;

import io.alchemist.serve.FinishReason;
import io.alchemist.serve.TextListener.TokenInfo;
import io.alchemist.serve.TextListener.Usage;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** One choice of an answer as it grows. Event loop only. */
final class Choice {
  /**
   * What came at once.
   *
   * @param offset where its text begins in the choice's, in characters (code points)
   * @param tokens empty where no log-probabilities were asked for
   */
  record Piece(int offset, String text, List<TokenInfo> tokens) {
    boolean isEmpty() {
      return text.isEmpty() && tokens.isEmpty();
    }
  }

  /** What of a choice is kept until it ends. */
  enum Keep {
    NOTHING,
    PIECES
  }

  private final int index;
  private final Keep keep;
  private final boolean logProbs;
  private final List<Piece> pieces = new ArrayList<>();
  private int length;
  private @Nullable FinishReason finish;
  private Usage usage = new Usage(0, 0, 0);

  Choice(int index, Keep keep, boolean logProbs) {
    this.index = index;
    this.keep = keep;
    this.logProbs = logProbs;
  }

  int index() {
    return index;
  }

  boolean logProbs() {
    return logProbs;
  }

  boolean ended() {
    return finish != null;
  }

  Piece add(String text, List<TokenInfo> tokens) {
    Piece piece = new Piece(length, text, logProbs ? tokens : List.of());
    length += text.codePointCount(0, text.length());
    if (keep == Keep.PIECES) {
      pieces.add(piece);
    }
    return piece;
  }

  void end(FinishReason finish, Usage usage) {
    this.finish = finish;
    this.usage = usage;
  }

  Usage usage() {
    return usage;
  }

  /** As clients know it: stop or length. */
  @Nullable
  String finishReason() {
    return finish == null ? null : finish.name().toLowerCase(Locale.ROOT);
  }

  List<Piece> pieces() {
    return pieces;
  }

  String text() {
    StringBuilder text = new StringBuilder();
    pieces.forEach(piece -> text.append(piece.text()));
    return text.toString();
  }
}
