package io.alchemist.http;

import static org.assertj.core.api.Assertions.assertThat;

import io.alchemist.serve.RequestException;
import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

/** Whatever comes is read or refused; nothing else is thrown. */
class BodyPropertyTest {
  private static final List<String> NAMES = List.of(
      "model",
      "messages",
      "prompt",
      "max_tokens",
      "max_completion_tokens",
      "temperature",
      "top_p",
      "top_k",
      "seed",
      "stop",
      "n",
      "logprobs",
      "top_logprobs",
      "stream",
      "stream_options",
      "user",
      "tools",
      "tool_choice",
      "response_format",
      "logit_bias",
      "modalities",
      "best_of",
      "id",
      "turn_id",
      "kind",
      "score",
      "text",
      "rejected");
  private static final List<String> VALUES = List.of(
      "null",
      "true",
      "false",
      "0",
      "1",
      "-1",
      "2.5",
      "1e999",
      "-1e-400",
      "99999999999999999999",
      "\"\"",
      "\"text\"",
      "\"tiny\"",
      "\"thumb\"",
      "[]",
      "{}",
      "[1,2]",
      "[\"a\",3]",
      "[[1],[]]",
      "[null]",
      "{\"type\":\"text\"}",
      "{\"include_usage\":true}",
      "[{\"role\":\"user\",\"content\":\"x\"}]",
      "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"x\"}]}]",
      "[{\"role\":null}]");

  @Property
  void anyFieldsAreReadOrRefused(@ForAll("objects") String body) {
    readsOrRefuses(() -> ChatFields.read(fields(body), "tiny"));
    readsOrRefuses(() -> CompletionFields.read(fields(body), "tiny"));
    readsOrRefuses(() -> FeedbackFields.read(fields(body), "f", 0));
  }

  @Property
  void anyBytesAreReadOrRefused(@ForAll byte[] bytes) {
    readsOrRefuses(() -> JsonBody.read(Unpooled.wrappedBuffer(bytes)));
  }

  @Property
  void anyTextIsReadOrRefused(@ForAll String text) {
    readsOrRefuses(() -> fields(text));
    readsOrRefuses(() -> fields("{\"a\":\"" + text + "\"}"));
  }

  @Provide
  Arbitrary<String> objects() {
    Arbitrary<String> name = Arbitraries.of(NAMES);
    Arbitrary<String> value = Arbitraries.of(VALUES);
    return Arbitraries.maps(name, value).ofMaxSize(8).map(map -> {
      StringBuilder body = new StringBuilder();
      map.forEach((key, text) -> body.append(body.isEmpty() ? "{" : ",")
          .append('"')
          .append(key)
          .append("\":")
          .append(text));
      return body.isEmpty() ? "{}" : body.append('}').toString();
    });
  }

  private static Fields fields(String body) {
    return JsonBody.read(Unpooled.wrappedBuffer(body.getBytes(StandardCharsets.UTF_8)));
  }

  private static void readsOrRefuses(Runnable read) {
    try {
      read.run();
    } catch (RequestException e) {
      assertThat(e.getMessage()).isNotBlank();
      // The refusal itself can be written.
      assertThat(ApiError.of(e).body().readableBytes()).isPositive();
    }
  }
}
