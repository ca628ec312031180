package io.alchemist.http;

import com.fasterxml.jackson.core.JsonGenerator;
import io.alchemist.serve.TextListener.Usage;
import io.alchemist.serve.TextService.ModelInfo;
import io.netty.buffer.ByteBuf;
import java.io.IOException;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What stands around the choices of an answer and of each of its chunks.
 *
 * @param fingerprint the weight version that was live when the request came
 * @param usageInChunks whether chunks carry the field {@code usage}, null until the last
 */
record Envelope(
    ResponseFormat format,
    String id,
    long createdEpochSeconds,
    String model,
    String fingerprint,
    boolean usageInChunks) {

  /** Writes the choices. */
  @FunctionalInterface
  interface Choices {
    void write(JsonGenerator json) throws IOException;
  }

  static Envelope of(ResponseFormat format, String id, ModelInfo model, Generation generation) {
    return new Envelope(
        format,
        id,
        Instant.now().getEpochSecond(),
        model.id(),
        "v" + model.liveVersion(),
        generation.delivery() == Generation.Delivery.STREAM_WITH_USAGE);
  }

  /** The whole answer. */
  ByteBuf whole(List<Choice> choices, Usage usage) {
    return JsonBody.write(json -> {
      begin(json, format.wholeObject());
      for (Choice choice : choices) {
        format.whole(json, choice);
      }
      json.writeEndArray();
      usage(json, usage);
      json.writeEndObject();
    });
  }

  /** One chunk. */
  ByteBuf chunk(Choices choices) {
    return chunk(choices, null);
  }

  /** The chunk after the last choice's. */
  ByteBuf usageChunk(Usage usage) {
    return chunk(json -> {}, usage);
  }

  private ByteBuf chunk(Choices choices, @Nullable Usage usage) {
    return JsonBody.write(json -> {
      begin(json, format.chunkObject());
      choices.write(json);
      json.writeEndArray();
      if (usage != null) {
        usage(json, usage);
      } else if (usageInChunks) {
        json.writeNullField("usage");
      }
      json.writeEndObject();
    });
  }

  private void begin(JsonGenerator json, String object) throws IOException {
    json.writeStartObject();
    json.writeStringField("id", id);
    json.writeStringField("object", object);
    json.writeNumberField("created", createdEpochSeconds);
    json.writeStringField("model", model);
    json.writeStringField("system_fingerprint", fingerprint);
    json.writeArrayFieldStart("choices");
  }

  private static void usage(JsonGenerator json, Usage usage) throws IOException {
    json.writeObjectFieldStart("usage");
    json.writeNumberField("prompt_tokens", usage.promptTokens());
    json.writeNumberField("completion_tokens", usage.completionTokens());
    json.writeNumberField("total_tokens", usage.promptTokens() + usage.completionTokens());
    json.writeObjectFieldStart("prompt_tokens_details");
    json.writeNumberField("cached_tokens", usage.cachedTokens());
    json.writeEndObject();
    json.writeEndObject();
  }
}
