package io.alchemist.text;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.alchemist.text.jinja.Template;
import io.alchemist.text.jinja.TemplateException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Turns a conversation into the one text that a chat model was trained on. Immutable; any number of threads may use it.
 *
 * <p>A template sees what Hugging Face's {@code apply_chat_template} gives it: {@code messages}, {@code
 * add_generation_prompt}, {@code tools} and {@code documents} (both none), and the special tokens by name, e.g. {@code
 * bos_token}. Encode the result with {@link Tokenizer#encodeTemplated}, which adds no second BOS; or give the template
 * and the messages to {@link Tokenizer#encodeChat}, which also keeps control tokens out of what users wrote.
 */
public final class ChatTemplate {
  private static final String CHATML =
      "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
          + "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
  private static final String LLAMA3 = "<|begin_of_text|>{% for message in messages %}"
      + "<|start_header_id|>{{ message.role }}<|end_header_id|>\n\n{{ message.content | trim }}<|eot_id|>"
      + "{% endfor %}{% if add_generation_prompt %}"
      + "<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}";
  private static final List<String> SPECIAL_TOKENS =
      List.of("bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token");

  private final Template template;
  private final Map<String, String> specialTokens;
  private final Clock clock;

  private ChatTemplate(Template template, Map<String, String> specialTokens, Clock clock) {
    this.template = template;
    this.specialTokens = Map.copyOf(specialTokens);
    this.clock = clock;
  }

  /**
   * Parses a template in the supported part of Jinja.
   *
   * @param source the template's text
   * @param specialTokens the special tokens the model has, by the name the template knows them by, e.g. {@code
   *     bos_token} to {@code <s>}
   * @throws TemplateException of kind SYNTAX when the text is malformed or uses what is not supported
   */
  public static ChatTemplate parse(String source, Map<String, String> specialTokens) {
    return parse(source, specialTokens, Clock.system(ZoneId.systemDefault()));
  }

  static ChatTemplate parse(String source, Map<String, String> specialTokens, Clock clock) {
    return new ChatTemplate(Template.parse(source), specialTokens, clock);
  }

  /** ChatML: {@code <|im_start|>role}, newline, content, {@code <|im_end|>}, newline. */
  public static ChatTemplate chatMl() {
    return parse(CHATML, Map.of());
  }

  /** The format of Llama 3's instruction models, starting with {@code <|begin_of_text|>}. */
  public static ChatTemplate llama3() {
    return parse(LLAMA3, Map.of());
  }

  /**
   * Reads the template of a Hugging Face model directory: {@code chat_template.jinja}, or else {@code chat_template} in
   * {@code tokenizer_config.json}, which is a text or a list of named ones, of which {@code default} is taken.
   *
   * @return empty where the directory has none
   * @throws IOException when a file can't be read or is no JSON
   * @throws IllegalArgumentException when the entry has another form
   * @throws TemplateException of kind SYNTAX
   */
  public static Optional<ChatTemplate> fromDirectory(Path directory) throws IOException {
    Path configFile = directory.resolve("tokenizer_config.json");
    JsonNode config = Files.exists(configFile)
        ? new ObjectMapper().readTree(Files.readString(configFile))
        : new ObjectMapper().createObjectNode();
    Path file = directory.resolve("chat_template.jinja");
    String source =
        Files.exists(file) ? Files.readString(file) : source(config.path("chat_template"));
    return source == null ? Optional.empty() : Optional.of(parse(source, specialTokens(config)));
  }

  private static @Nullable String source(JsonNode entry) {
    if (entry.isTextual()) {
      return entry.asText();
    }
    if (entry.isMissingNode() || entry.isNull()) {
      return null;
    }
    List<String> names = new ArrayList<>();
    for (JsonNode named : entry) {
      names.add(named.path("name").asText());
      if (named.path("name").asText().equals("default")
          && named.path("template").isTextual()) {
        return named.path("template").asText();
      }
    }
    throw new IllegalArgumentException(
        "chat_template in tokenizer_config.json is neither a text nor a list with a template named 'default'"
            + " (names found: " + names + "). Put the wanted template into chat_template.jinja.");
  }

  /** Tokens are given as text, or as an object with their content. */
  private static Map<String, String> specialTokens(JsonNode config) {
    Map<String, String> tokens = new LinkedHashMap<>();
    for (String name : SPECIAL_TOKENS) {
      JsonNode token = config.path(name);
      JsonNode text = token.isObject() ? token.path("content") : token;
      if (text.isTextual()) {
        tokens.put(name, text.asText());
      }
    }
    return tokens;
  }

  /**
   * The conversation, and the beginning of the answer that the model is to give.
   *
   * @throws TemplateException of kind RAISED when the template refuses the conversation in its own words (e.g. roles
   *     must alternate); of kind RENDER or LIMIT when it fails
   */
  public String renderForGeneration(List<ChatMessage> messages) {
    return render(messages, true);
  }

  /**
   * The conversation as it stands, e.g. with the answer to learn from at its end.
   *
   * @throws TemplateException as {@link #renderForGeneration}
   */
  public String renderTranscript(List<ChatMessage> messages) {
    return render(messages, false);
  }

  private String render(List<ChatMessage> messages, boolean generation) {
    Map<String, @Nullable Object> variables = new LinkedHashMap<>(specialTokens);
    List<Map<String, String>> list = new ArrayList<>();
    for (ChatMessage message : messages) {
      Map<String, String> fields = new LinkedHashMap<>();
      fields.put("role", message.role());
      fields.put("content", message.content());
      list.add(fields);
    }
    variables.put("messages", list);
    variables.put("add_generation_prompt", generation);
    variables.put("tools", null);
    variables.put("documents", null);
    return template.render(variables, clock);
  }
}
