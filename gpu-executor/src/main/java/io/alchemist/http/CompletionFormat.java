package io.alchemist.http;

import com.fasterxml.jackson.core.JsonGenerator;
import io.alchemist.serve.TextListener.Alternative;
import io.alchemist.serve.TextListener.TokenInfo;
import java.io.IOException;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Choices of {@code /v1/completions}. */
final class CompletionFormat implements ResponseFormat {

  /** Writes something of a token. */
  @FunctionalInterface
  private interface TokenWriter {
    void write(Choice.Piece piece, TokenInfo token) throws IOException;
  }

  @Override
  public String idPrefix() {
    return "cmpl-";
  }

  @Override
  public String wholeObject() {
    return "text_completion";
  }

  @Override
  public String chunkObject() {
    return "text_completion";
  }

  @Override
  public boolean hasOpening() {
    return false;
  }

  @Override
  public void opening(JsonGenerator json, Choice choice) {
    throw new IllegalStateException("A plain completion begins with its text.");
  }

  @Override
  public void delta(JsonGenerator json, Choice choice, Choice.Piece piece) throws IOException {
    write(json, choice, piece.text(), choice.logProbs() ? List.of(piece) : List.of(), null);
  }

  @Override
  public void finish(JsonGenerator json, Choice choice) throws IOException {
    write(json, choice, "", List.of(), choice.finishReason());
  }

  @Override
  public void whole(JsonGenerator json, Choice choice) throws IOException {
    List<Choice.Piece> pieces = choice.logProbs() ? choice.pieces() : List.of();
    write(json, choice, choice.text(), pieces, choice.finishReason());
  }

  private static void write(
      JsonGenerator json,
      Choice choice,
      String text,
      List<Choice.Piece> pieces,
      @Nullable String finishReason)
      throws IOException {
    json.writeStartObject();
    json.writeNumberField("index", choice.index());
    json.writeStringField("text", text);
    if (pieces.isEmpty()) {
      json.writeNullField("logprobs");
    } else {
      logProbs(json, pieces);
    }
    json.writeStringField("finish_reason", finishReason);
    json.writeEndObject();
  }

  private static void logProbs(JsonGenerator json, List<Choice.Piece> pieces) throws IOException {
    json.writeObjectFieldStart("logprobs");
    array(json, "tokens", pieces, (piece, token) -> json.writeString(token.text()));
    array(
        json,
        "token_logprobs",
        pieces,
        (piece, token) -> json.writeNumber(ResponseFormat.finite(token.logProb())));
    array(json, "top_logprobs", pieces, (piece, token) -> alternatives(json, token));
    json.writeArrayFieldStart("text_offset");
    for (Choice.Piece piece : pieces) {
      offsets(json, piece);
    }
    json.writeEndArray();
    json.writeEndObject();
  }

  private static void array(
      JsonGenerator json, String name, List<Choice.Piece> pieces, TokenWriter writer)
      throws IOException {
    json.writeArrayFieldStart(name);
    for (Choice.Piece piece : pieces) {
      for (TokenInfo token : piece.tokens()) {
        writer.write(piece, token);
      }
    }
    json.writeEndArray();
  }

  private static void alternatives(JsonGenerator json, TokenInfo token) throws IOException {
    json.writeStartObject();
    // Parts of characters look alike; a key may come only once, and the likeliest comes first.
    Set<String> written = new LinkedHashSet<>();
    for (Alternative alternative : token.alternatives()) {
      if (written.add(alternative.text())) {
        json.writeNumberField(alternative.text(), ResponseFormat.finite(alternative.logProb()));
      }
    }
    json.writeEndObject();
  }

  /** Tokens that are parts of characters have texts longer than what they add, so each piece begins anew. */
  private static void offsets(JsonGenerator json, Choice.Piece piece) throws IOException {
    int length = piece.text().codePointCount(0, piece.text().length());
    int offset = 0;
    for (TokenInfo token : piece.tokens()) {
      json.writeNumber(piece.offset() + Math.min(offset, length));
      offset += token.text().codePointCount(0, token.text().length());
    }
  }
}
