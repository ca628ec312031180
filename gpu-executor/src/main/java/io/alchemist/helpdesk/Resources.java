package io.alchemist.helpdesk;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;

/** Reads the JSON files that lie next to this class. */
final class Resources {
  private static final ObjectMapper JSON = new ObjectMapper();

  private Resources() {}

  /** The parsed file; key order is kept. */
  static <T> T read(String name, TypeReference<T> type) {
    try (InputStream in = Resources.class.getResourceAsStream(name)) {
      if (in == null) {
        throw new FileNotFoundException(
            "Resource " + name + " is missing from the jar: rebuild it");
      }
      return JSON.readValue(in, type);
    } catch (IOException e) {
      throw new UncheckedIOException("Can't read the help desk's " + name, e);
    }
  }
}
