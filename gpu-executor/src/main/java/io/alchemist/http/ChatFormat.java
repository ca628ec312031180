package io.alchemist.http;

import com.fasterxml.jackson.core.JsonGenerator;
import io.alchemist.serve.TextListener.Alternative;
import io.alchemist.serve.TextListener.TokenInfo;
import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Choices of {@code /v1/chat/completions}. */
final class ChatFormat implements ResponseFormat {

  @Override
  public String idPrefix() {
    return "chatcmpl-";
  }

  @Override
  public String wholeObject() {
    return "chat.completion";
  }

  @Override
  public String chunkObject() {
    return "chat.completion.chunk";
  }

  @Override
  public boolean hasOpening() {
    return true;
  }

  @Override
  public void opening(JsonGenerator json, Choice choice) throws IOException {
    begin(json, choice);
    json.writeObjectFieldStart("delta");
    json.writeStringField("role", "assistant");
    json.writeStringField("content", "");
    json.writeEndObject();
    end(json, List.of(), null);
  }

  @Override
  public void delta(JsonGenerator json, Choice choice, Choice.Piece piece) throws IOException {
    begin(json, choice);
    json.writeObjectFieldStart("delta");
    json.writeStringField("content", piece.text());
    json.writeEndObject();
    end(json, choice.logProbs() ? List.of(piece) : List.of(), null);
  }

  @Override
  public void finish(JsonGenerator json, Choice choice) throws IOException {
    begin(json, choice);
    json.writeObjectFieldStart("delta");
    json.writeEndObject();
    end(json, List.of(), choice.finishReason());
  }

  @Override
  public void whole(JsonGenerator json, Choice choice) throws IOException {
    begin(json, choice);
    json.writeObjectFieldStart("message");
    json.writeStringField("role", "assistant");
    json.writeStringField("content", choice.text());
    json.writeNullField("refusal");
    json.writeEndObject();
    end(json, choice.logProbs() ? choice.pieces() : List.of(), choice.finishReason());
  }

  private static void begin(JsonGenerator json, Choice choice) throws IOException {
    json.writeStartObject();
    json.writeNumberField("index", choice.index());
  }

  private static void end(
      JsonGenerator json, List<Choice.Piece> pieces, @Nullable String finishReason)
      throws IOException {
    if (pieces.isEmpty()) {
      json.writeNullField("logprobs");
    } else {
      json.writeObjectFieldStart("logprobs");
      json.writeArrayFieldStart("content");
      for (Choice.Piece piece : pieces) {
        for (TokenInfo token : piece.tokens()) {
          token(json, token);
        }
      }
      json.writeEndArray();
      json.writeNullField("refusal");
      json.writeEndObject();
    }
    json.writeStringField("finish_reason", finishReason);
    json.writeEndObject();
  }

  private static void token(JsonGenerator json, TokenInfo token) throws IOException {
    json.writeStartObject();
    values(json, token.text(), token.bytes(), token.logProb());
    json.writeArrayFieldStart("top_logprobs");
    for (Alternative alternative : token.alternatives()) {
      json.writeStartObject();
      values(json, alternative.text(), alternative.bytes(), alternative.logProb());
      json.writeEndObject();
    }
    json.writeEndArray();
    json.writeEndObject();
  }

  private static void values(JsonGenerator json, String text, byte[] bytes, float logProb)
      throws IOException {
    json.writeStringField("token", text);
    json.writeNumberField("logprob", ResponseFormat.finite(logProb));
    // By these a client puts characters together that are spread over several tokens.
    json.writeArrayFieldStart("bytes");
    for (byte b : bytes) {
      json.writeNumber(b & 0xFF);
    }
    json.writeEndArray();
  }
}
