package io.alchemist.http;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.alchemist.serve.RequestException;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufOutputStream;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/** JSON in and out: strict with what comes, quick with what goes. Thread-safe. */
public final class JsonBody {
  private static final int MAX_DEPTH = 32;
  private static final int MAX_NUMBER_CHARS = 100;

  private static final JsonFactory FACTORY = JsonFactory.builder()
      .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
      .disable(StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION)
      .streamReadConstraints(StreamReadConstraints.builder()
          .maxNestingDepth(MAX_DEPTH)
          .maxNumberLength(MAX_NUMBER_CHARS)
          .maxStringLength(Integer.MAX_VALUE)
          .maxNameLength(1000)
          .build())
      .build();
  private static final JsonMapper MAPPER = JsonMapper.builder(FACTORY)
      .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
      .build();

  /** Writes one JSON value. */
  @FunctionalInterface
  public interface Writer {
    void write(JsonGenerator json) throws IOException;
  }

  private JsonBody() {}

  /**
   * Reads an object: UTF-8, no key twice, no unpaired surrogates, at most 32 levels deep, nothing after its end.
   *
   * @throws RequestException saying what is wrong and where
   */
  static Fields read(ByteBuf body) {
    String text = decode(body);
    JsonNode node;
    try {
      node = MAPPER.readTree(text);
    } catch (JsonProcessingException e) {
      throw invalid("The body is not valid JSON: " + firstLine(e.getOriginalMessage()) + where(e));
    }
    checkSurrogates(node);
    if (!(node instanceof ObjectNode object)) {
      throw invalid("The body must be a JSON object, but is " + Fields.describe(node) + ".");
    }
    return new Fields(object, "");
  }

  /** The bytes of what {@code writer} writes. */
  public static ByteBuf write(Writer writer) {
    ByteBuf out = Unpooled.buffer(512);
    append(out, writer);
    return out;
  }

  /** Appends what {@code writer} writes. */
  static void append(ByteBuf out, Writer writer) {
    try (JsonGenerator json =
        FACTORY.createGenerator((OutputStream) new ByteBufOutputStream(out))) {
      writer.write(json);
    } catch (IOException e) {
      throw new UncheckedIOException("Writing to memory failed", e);
    }
  }

  private static String decode(ByteBuf body) {
    try {
      return StandardCharsets.UTF_8
          .newDecoder()
          .onMalformedInput(CodingErrorAction.REPORT)
          .onUnmappableCharacter(CodingErrorAction.REPORT)
          .decode(body.nioBuffer())
          .toString();
    } catch (CharacterCodingException e) {
      throw invalid("The body is not valid UTF-8.");
    }
  }

  /** A lone half of a character, written as an escape, could neither be tokenised nor sent back. */
  private static void checkSurrogates(JsonNode node) {
    if (node.isTextual()) {
      checkSurrogates(node.textValue());
    }
    node.fieldNames().forEachRemaining(JsonBody::checkSurrogates);
    node.forEach(JsonBody::checkSurrogates);
  }

  private static void checkSurrogates(String text) {
    text.codePoints().forEach(point -> {
      if (point >= Character.MIN_SURROGATE && point <= Character.MAX_SURROGATE) {
        throw invalid("The body has half of a character, \\u" + Integer.toHexString(point)
            + ", without its other half.");
      }
    });
  }

  private static RequestException invalid(String message) {
    // The parser quotes single units of the text, which may be half a character.
    String whole = new String(message.getBytes(StandardCharsets.UTF_8), StandardCharsets.UTF_8);
    return new RequestException(RequestException.Kind.INVALID, "invalid_json", null, whole);
  }

  private static String firstLine(String message) {
    int end = message.indexOf('\n');
    return end < 0 ? message : message.substring(0, end);
  }

  private static String where(JsonProcessingException e) {
    return e.getLocation() == null
        ? ""
        : " (line " + e.getLocation().getLineNr() + ", column "
            + e.getLocation().getColumnNr() + ")";
  }
}
