package io.alchemist.http;

import com.fasterxml.jackson.databind.JsonNode;
import io.alchemist.serve.RequestException;
import io.alchemist.serve.TextRequest;
import java.util.ArrayList;
import java.util.List;

/** Reads the body of a plain completion. */
final class CompletionFields {
  /** What OpenAI's endpoint takes where the client says nothing. */
  private static final int DEFAULT_MAX_TOKENS = 16;

  private static final int MAX_PROMPTS = 16;
  private static final String PROMPT =
      "a string, an array of strings, an array of token ids or an array of those";

  private CompletionFields() {}

  /**
   * @throws RequestException naming the field that is wrong
   */
  static Generation read(Fields fields, String model) {
    CommonFields.check(fields, model);
    Integer maxTokens = fields.integer("max_tokens", 1, Integer.MAX_VALUE);
    Integer logProbs = fields.integer("logprobs", 0, CommonFields.MAX_TOP_LOG_PROBS);
    return new Generation(
        prompts(fields),
        CommonFields.n(fields),
        maxTokens == null ? DEFAULT_MAX_TOKENS : maxTokens,
        CommonFields.sampling(fields),
        CommonFields.stop(fields),
        logProbs == null ? -1 : logProbs,
        CommonFields.delivery(fields),
        CommonFields.user(fields),
        CommonFields.recording(fields));
  }

  private static List<TextRequest.Prompt> prompts(Fields fields) {
    JsonNode prompt = fields.value("prompt");
    if (prompt == null) {
      throw fields.missing("prompt");
    }
    if (prompt.isTextual()) {
      return List.of(new TextRequest.RawText(prompt.textValue()));
    }
    List<JsonNode> items = fields.items("prompt", PROMPT);
    if (items.isEmpty()) {
      throw RequestException.invalid(
          "prompt", "prompt is an empty array; expected " + PROMPT + ".");
    }
    if (items.get(0).isNumber()) {
      return List.of(tokens(items, "prompt"));
    }
    if (items.size() > MAX_PROMPTS) {
      throw RequestException.invalid(
          "prompt",
          "prompt has " + items.size() + " prompts; at most " + MAX_PROMPTS + " are accepted.");
    }
    List<TextRequest.Prompt> prompts = new ArrayList<>();
    for (JsonNode item : items) {
      prompts.add(prompt(item, "prompt[" + prompts.size() + "]"));
    }
    return prompts;
  }

  private static TextRequest.Prompt prompt(JsonNode item, String path) {
    if (!item.isArray()) {
      return new TextRequest.RawText(Fields.text(item, path, Integer.MAX_VALUE));
    }
    List<JsonNode> ids = new ArrayList<>(item.size());
    item.forEach(ids::add);
    return tokens(ids, path);
  }

  private static TextRequest.Tokens tokens(List<JsonNode> items, String path) {
    if (items.isEmpty()) {
      throw RequestException.invalid(path, path + " is empty; at least one token is needed.");
    }
    List<Integer> ids = new ArrayList<>(items.size());
    for (JsonNode item : items) {
      ids.add(Fields.integer(item, path + "[" + ids.size() + "]", 0, Integer.MAX_VALUE));
    }
    return new TextRequest.Tokens(List.copyOf(ids));
  }
}
