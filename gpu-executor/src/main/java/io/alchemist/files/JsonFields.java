package io.alchemist.files;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The fields of a JSON object in a file, by name and type. A field that is null counts as absent. Whatever has another
 * type than asked for is a {@link ModelFileException} that names file and field.
 */
final class JsonFields {
  /** Doubled field names and text after the object are errors. */
  static final ObjectMapper JSON = JsonMapper.builder()
      .enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION)
      .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
      .build();

  private static final String FIX = "Correct the file, or export the model again";

  private final Path file;
  private final String prefix;
  private final JsonNode object;

  private JsonFields(Path file, String prefix, JsonNode object) {
    this.file = file;
    this.prefix = prefix;
    this.object = object;
  }

  /** Reads a file that holds one object of at most so many bytes. */
  static JsonFields read(Path file, int maxBytes) {
    try (ByteFile bytes = ByteFile.open(file)) {
      if (bytes.size() > maxBytes) {
        throw new ModelFileException(
            file,
            "the file has " + bytes.size() + " bytes",
            "a file of this kind has at most " + maxBytes,
            "Check that it is the right file");
      }
      byte[] text = new byte[(int) bytes.size()];
      bytes.read(0, text, text.length);
      return parse(file, text);
    }
  }

  /** Parses text that came from a file. */
  static JsonFields parse(Path file, byte[] text) {
    JsonNode node;
    try {
      node = JSON.readTree(text);
    } catch (IOException e) { // from memory, so it is always the text, its encoding included
      throw new ModelFileException(file, "the JSON text is broken" + where(e), reason(e), FIX, e);
    }
    if (!node.isObject()) {
      throw new ModelFileException(
          file, "the JSON text is not an object", "it is " + kind(node), FIX);
    }
    return new JsonFields(file, "", node);
  }

  private static String where(IOException e) {
    return e instanceof JsonProcessingException broken && broken.getLocation() != null
        ? " at byte " + broken.getLocation().getByteOffset()
        : "";
  }

  private static String reason(IOException e) {
    return e instanceof JsonProcessingException broken
        ? broken.getOriginalMessage()
        : String.valueOf(e.getMessage());
  }

  /** Writes an object to a file that appears whole or not at all. */
  static void write(Path file, ObjectNode object) {
    Path temporary = Temporaries.beside(file);
    try {
      Files.write(temporary, JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(object));
      Temporaries.force(temporary);
      Temporaries.publish(temporary, file);
    } catch (IOException e) {
      throw new UncheckedIOException("Can't write " + file, e);
    } finally {
      Temporaries.discard(temporary);
    }
  }

  /** All fields, to be changed. */
  ObjectNode copy() {
    return object.deepCopy();
  }

  List<String> names() {
    List<String> names = new ArrayList<>(object.size());
    object.fieldNames().forEachRemaining(names::add);
    return names;
  }

  boolean has(String name) {
    return object.hasNonNull(name);
  }

  /** Whether the field says nothing: absent, null, false, empty. */
  boolean isUnset(String name) {
    JsonNode node = object.path(name);
    return node.isMissingNode()
        || node.isNull()
        || (node.isBoolean() && !node.booleanValue())
        || (node.isContainerNode() && node.isEmpty());
  }

  /** The field's JSON text, for messages. */
  String show(String name) {
    String text = object.path(name).toString();
    return text.length() <= 80 ? text : text.substring(0, 77) + "...";
  }

  int integer(String name) {
    JsonNode node = required(name);
    if (!node.isIntegralNumber() || !node.canConvertToInt()) {
      throw wrongType(name, "a 32-bit integer");
    }
    return node.intValue();
  }

  int integer(String name, int absent) {
    return has(name) ? integer(name) : absent;
  }

  double number(String name) {
    JsonNode node = required(name);
    if (!node.isNumber()) {
      throw wrongType(name, "a number");
    }
    return node.doubleValue();
  }

  double number(String name, double absent) {
    return has(name) ? number(name) : absent;
  }

  boolean flag(String name, boolean absent) {
    if (!has(name)) {
      return absent;
    }
    if (!required(name).isBoolean()) {
      throw wrongType(name, "true or false");
    }
    return required(name).booleanValue();
  }

  boolean isText(String name) {
    return object.path(name).isTextual();
  }

  String text(String name) {
    JsonNode node = required(name);
    if (!node.isTextual()) {
      throw wrongType(name, "a string");
    }
    return node.textValue();
  }

  String text(String name, String absent) {
    return has(name) ? text(name) : absent;
  }

  /** A list of strings, empty where absent. */
  List<String> texts(String name) {
    List<String> texts = new ArrayList<>();
    for (JsonNode element : list(name)) {
      if (!element.isTextual()) {
        throw wrongType(name, "a list of strings");
      }
      texts.add(element.textValue());
    }
    return texts;
  }

  /** A list of non-negative integers. */
  List<Long> sizes(String name) {
    List<Long> sizes = new ArrayList<>();
    required(name);
    for (JsonNode element : list(name)) {
      if (!element.isIntegralNumber() || !element.canConvertToLong() || element.longValue() < 0) {
        throw wrongType(name, "a list of non-negative 64-bit integers");
      }
      sizes.add(element.longValue());
    }
    return sizes;
  }

  /** A nested object, or null where absent. */
  @Nullable
  JsonFields object(String name) {
    if (!has(name)) {
      return null;
    }
    if (!required(name).isObject()) {
      throw wrongType(name, "an object");
    }
    return new JsonFields(file, prefix + name + ".", required(name));
  }

  ModelFileException wrongType(String name, String expected) {
    return new ModelFileException(
        file, "'" + prefix + name + "' is " + show(name), "it should be " + expected, FIX);
  }

  private Iterable<JsonNode> list(String name) {
    if (!has(name)) {
      return List.of();
    }
    if (!required(name).isArray()) {
      throw wrongType(name, "a list");
    }
    return required(name);
  }

  private JsonNode required(String name) {
    JsonNode node = object.path(name);
    if (node.isMissingNode() || node.isNull()) {
      throw new ModelFileException(
          file, "'" + prefix + name + "' is missing", "there is no default for it", FIX);
    }
    return node;
  }

  private static String kind(JsonNode node) {
    return node.isMissingNode() ? "empty" : "of type " + node.getNodeType();
  }
}
