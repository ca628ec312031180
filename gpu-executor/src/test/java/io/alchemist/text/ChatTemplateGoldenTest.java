package io.alchemist.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.alchemist.text.jinja.TemplateException;
import java.io.IOException;
import java.io.InputStream;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** Templates render as Python's Jinja2 renders them; the expected texts are made by chat_template_golden.py. */
class ChatTemplateGoldenTest {
  private static final Clock CLOCK =
      Clock.fixed(Instant.parse("2026-03-05T14:07:09Z"), ZoneOffset.UTC);

  @TestFactory
  Stream<DynamicTest> rendersAsJinja2Does() throws IOException {
    JsonNode golden;
    try (InputStream in = getClass().getResourceAsStream("chat-templates.json")) {
      golden = new ObjectMapper().readTree(Objects.requireNonNull(in));
    }
    Map<String, String> tokens = new LinkedHashMap<>();
    golden
        .path("tokens")
        .properties()
        .forEach(e -> tokens.put(e.getKey(), e.getValue().asText()));
    List<DynamicTest> tests = new ArrayList<>();
    for (JsonNode testCase : golden.path("cases")) {
      tests.add(DynamicTest.dynamicTest(testCase.path("name").asText(), () -> {
        ChatTemplate template =
            ChatTemplate.parse(testCase.path("template").asText(), tokens, CLOCK);
        testCase.path("results").forEach(result -> check(template, result));
      }));
    }
    return tests.stream();
  }

  private static void check(ChatTemplate template, JsonNode result) {
    List<ChatMessage> messages = new ArrayList<>();
    result
        .path("messages")
        .forEach(m -> messages.add(
            new ChatMessage(m.path("role").asText(), m.path("content").asText())));
    if (result.has("refused")) {
      assertThatThrownBy(() -> render(template, messages, result))
          .isInstanceOfSatisfying(TemplateException.class, e -> assertThat(e.kind())
              .isEqualTo(TemplateException.Kind.RAISED))
          .hasMessage(result.path("refused").asText());
    } else {
      assertThat(render(template, messages, result))
          .as(messages.toString())
          .isEqualTo(result.path("text").asText());
    }
  }

  private static String render(ChatTemplate template, List<ChatMessage> messages, JsonNode result) {
    return result.path("generation").asBoolean()
        ? template.renderForGeneration(messages)
        : template.renderTranscript(messages);
  }
}
