package io.alchemist.http;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.alchemist.serve.RequestException;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Typed access to the fields of a request. A field that is null counts as absent. Every method throws {@link
 * RequestException} naming the field, what was expected and what came.
 */
final class Fields {
  private static final int SHOWN_CHARS = 40;

  private final ObjectNode node;
  private final String path;

  /**
   * @param path where the object is, with a dot at its end, or empty
   */
  Fields(ObjectNode node, String path) {
    this.node = node;
    this.path = path;
  }

  /** Names of all fields, absent ones (null) too. */
  Iterator<String> names() {
    return node.fieldNames();
  }

  /** The field's place in the request. */
  String path(String name) {
    return path + name;
  }

  /** The field as it is, null where absent. */
  @Nullable
  JsonNode value(String name) {
    JsonNode value = node.get(name);
    return value == null || value.isNull() ? null : value;
  }

  @Nullable
  String string(String name, int maxChars) {
    JsonNode value = value(name);
    return value == null ? null : text(value, path(name), maxChars);
  }

  String requiredString(String name, int maxChars) {
    String value = string(name, maxChars);
    if (value == null) {
      throw missing(name);
    }
    return value;
  }

  @Nullable
  Integer integer(String name, int min, int max) {
    JsonNode value = value(name);
    return value == null ? null : integer(value, path(name), min, max);
  }

  @Nullable
  Long longInteger(String name) {
    JsonNode value = value(name);
    if (value == null) {
      return null;
    }
    if (!value.isIntegralNumber() || !value.canConvertToLong()) {
      throw wrongType(path(name), "an integer of 64 bits", value);
    }
    return value.longValue();
  }

  @Nullable
  Double number(String name) {
    JsonNode value = value(name);
    if (value == null) {
      return null;
    }
    if (!value.isNumber() || !Double.isFinite(value.doubleValue())) {
      throw wrongType(path(name), "a finite number", value);
    }
    return value.doubleValue();
  }

  boolean flag(String name) {
    JsonNode value = value(name);
    if (value != null && !value.isBoolean()) {
      throw wrongType(path(name), "true or false", value);
    }
    return value != null && value.booleanValue();
  }

  @Nullable
  Fields object(String name) {
    JsonNode value = value(name);
    return value == null ? null : object(value, path(name));
  }

  /** The items of a field that is an array; empty where absent. */
  List<JsonNode> items(String name, String expected) {
    JsonNode value = value(name);
    if (value == null) {
      return List.of();
    }
    if (!value.isArray()) {
      throw wrongType(path(name), expected, value);
    }
    List<JsonNode> items = new ArrayList<>(value.size());
    value.forEach(items::add);
    return items;
  }

  RequestException missing(String name) {
    return new RequestException(
        RequestException.Kind.INVALID,
        "missing_required_parameter",
        path(name),
        path(name) + " is missing.");
  }

  static Fields object(JsonNode value, String path) {
    if (!(value instanceof ObjectNode object)) {
      throw wrongType(path, "an object", value);
    }
    return new Fields(object, path + ".");
  }

  static int integer(JsonNode value, String path, int min, int max) {
    if (!value.isIntegralNumber()) {
      throw wrongType(path, "an integer", value);
    }
    if (!value.canConvertToInt() || value.intValue() < min || value.intValue() > max) {
      throw RequestException.invalid(
          path, path + " = " + shorten(value.asText()) + " is not in [" + min + ", " + max + "].");
    }
    return value.intValue();
  }

  static String text(JsonNode value, String path, int maxChars) {
    if (!value.isTextual()) {
      throw wrongType(path, "a string", value);
    }
    String text = value.textValue();
    if (text.length() > maxChars) {
      throw RequestException.invalid(
          path,
          path + " has " + text.length() + " characters; at most " + maxChars + " are accepted.");
    }
    return text;
  }

  static RequestException wrongType(String path, String expected, JsonNode came) {
    return new RequestException(
        RequestException.Kind.INVALID,
        "invalid_type",
        path,
        path + ": expected " + expected + ", got " + describe(came) + ".");
  }

  static RequestException unsupported(String path, String message) {
    return new RequestException(
        RequestException.Kind.INVALID, "unsupported_parameter", path, message);
  }

  /** What a value is, for an error message. */
  static String describe(JsonNode value) {
    return switch (value.getNodeType()) {
      case STRING -> "the string \"" + shorten(value.textValue()) + "\"";
      case NUMBER -> "the number " + shorten(value.asText());
      case BOOLEAN -> value.asText();
      case ARRAY -> "an array";
      case OBJECT -> "an object";
      case MISSING -> "nothing";
      default -> "null";
    };
  }

  private static String shorten(String text) {
    if (text.length() <= SHOWN_CHARS) {
      return text;
    }
    int end =
        text.offsetByCodePoints(0, Math.min(SHOWN_CHARS, text.codePointCount(0, text.length())));
    return text.substring(0, end) + "...";
  }
}
