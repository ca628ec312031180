package io.alchemist.http;

import com.fasterxml.jackson.databind.JsonNode;
import io.alchemist.serve.GenerationRequest.Recording;
import io.alchemist.serve.RequestException;
import io.alchemist.serve.SamplingParams;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** The fields that chat and plain completions share. */
final class CommonFields {
  static final int MAX_CHOICES = 8;
  static final int MAX_TOP_LOG_PROBS = 20;
  private static final int MAX_STOPS = 16;
  private static final int MAX_STOP_CHARS = 256;
  private static final int MAX_USER_CHARS = 256;

  /** Fields that would change the answer and that this server cannot honour, and the values that ask for nothing. */
  private static final Map<String, Predicate<JsonNode>> UNSUPPORTED = Map.ofEntries(
      Map.entry("tools", CommonFields::isEmpty),
      Map.entry("functions", CommonFields::isEmpty),
      Map.entry("tool_choice", CommonFields::noTool),
      Map.entry("function_call", CommonFields::noTool),
      Map.entry("response_format", value -> value.path("type").asText().equals("text")),
      Map.entry("logit_bias", CommonFields::isEmpty),
      Map.entry("presence_penalty", value -> isNumber(value, 0)),
      Map.entry("frequency_penalty", value -> isNumber(value, 0)),
      Map.entry("repetition_penalty", value -> isNumber(value, 1)),
      Map.entry("length_penalty", value -> isNumber(value, 1)),
      Map.entry("min_p", value -> isNumber(value, 0)),
      Map.entry("min_tokens", value -> isNumber(value, 0)),
      Map.entry("best_of", value -> isNumber(value, 1)),
      Map.entry("use_beam_search", CommonFields::isFalse),
      Map.entry("ignore_eos", CommonFields::isFalse),
      Map.entry("echo", CommonFields::isFalse),
      Map.entry("suffix", value -> value.isTextual() && value.textValue().isEmpty()),
      Map.entry("modalities", CommonFields::textOnly),
      Map.entry("audio", value -> false),
      Map.entry("prediction", value -> false),
      Map.entry("web_search_options", value -> false));

  private CommonFields() {}

  /** Refuses what would otherwise silently be left undone, and a model that is not the one served. */
  static void check(Fields fields, String model) {
    UNSUPPORTED.forEach((name, asksNothing) -> {
      JsonNode value = fields.value(name);
      if (value != null && !asksNothing.test(value)) {
        throw Fields.unsupported(name, name + " is not supported by this server; leave it out.");
      }
    });
    String asked = fields.string("model", Integer.MAX_VALUE);
    if (asked != null && !asked.equals(model)) {
      throw noSuchModel(asked, model);
    }
  }

  static RequestException noSuchModel(String asked, String served) {
    String shown =
        asked.length() > 200 ? asked.substring(0, asked.offsetByCodePoints(0, 100)) : asked;
    return new RequestException(
        RequestException.Kind.NOT_FOUND,
        "model_not_found",
        "model",
        "The model \"" + shown + "\" does not exist; this server serves \"" + served + "\".");
  }

  /** Temperature 1 and a random seed where the client says nothing. */
  static SamplingParams sampling(Fields fields) {
    Double temperature = fields.number("temperature");
    Integer topK = fields.integer("top_k", 0, Integer.MAX_VALUE);
    Double topP = fields.number("top_p");
    Long seed = fields.longInteger("seed");
    return new SamplingParams(
        temperature == null ? 1 : temperature.floatValue(),
        topK == null ? 0 : topK,
        topP == null ? 1 : topP.floatValue(),
        seed == null ? ThreadLocalRandom.current().nextLong() : seed);
  }

  static int n(Fields fields) {
    Integer n = fields.integer("n", 1, MAX_CHOICES);
    return n == null ? 1 : n;
  }

  static List<String> stop(Fields fields) {
    JsonNode stop = fields.value("stop");
    if (stop == null) {
      return List.of();
    }
    if (stop.isTextual()) {
      return List.of(stop(stop, "stop"));
    }
    List<JsonNode> items = fields.items("stop", "a string or an array of strings");
    if (items.size() > MAX_STOPS) {
      throw RequestException.invalid(
          "stop", "stop has " + items.size() + " strings; at most " + MAX_STOPS + " are accepted.");
    }
    List<String> stops = new ArrayList<>();
    for (JsonNode item : items) {
      stops.add(stop(item, "stop[" + stops.size() + "]"));
    }
    return stops;
  }

  static Generation.Delivery delivery(Fields fields) {
    boolean stream = fields.flag("stream");
    Fields options = fields.object("stream_options");
    if (options != null && !stream) {
      throw RequestException.invalid("stream_options", "stream_options needs stream to be true.");
    }
    if (!stream) {
      return Generation.Delivery.WHOLE;
    }
    return options != null && options.flag("include_usage")
        ? Generation.Delivery.STREAM_WITH_USAGE
        : Generation.Delivery.STREAM;
  }

  /** OpenAI's {@code store}: only an explicit false asks for nothing to be kept or learnt. */
  static Recording recording(Fields fields) {
    return fields.value("store") == null || fields.flag("store") ? Recording.KEEP : Recording.SKIP;
  }

  static @Nullable String user(Fields fields) {
    return fields.string("user", MAX_USER_CHARS);
  }

  private static String stop(JsonNode value, String path) {
    String stop = Fields.text(value, path, MAX_STOP_CHARS);
    if (stop.isEmpty()) {
      throw RequestException.invalid(path, path + " is empty; it would stop before anything.");
    }
    return stop;
  }

  /** An array or object without members. */
  static boolean isEmpty(JsonNode value) {
    return value.isContainerNode() && value.isEmpty();
  }

  private static boolean isNumber(JsonNode value, double neutral) {
    return value.isNumber() && value.doubleValue() == neutral;
  }

  private static boolean isFalse(JsonNode value) {
    return value.isBoolean() && !value.booleanValue();
  }

  private static boolean noTool(JsonNode value) {
    return value.isTextual()
        && (value.textValue().equals("none") || value.textValue().equals("auto"));
  }

  private static boolean textOnly(JsonNode value) {
    return value.size() == 1 && value.path(0).asText().equals("text");
  }
}
