package io.alchemist.http;

import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;

/** How an endpoint writes the members of an answer's {@code choices}. Stateless. */
interface ResponseFormat {
  /** What the answer's id begins with. */
  String idPrefix();

  /** The value of {@code object} of a whole answer. */
  String wholeObject();

  /** The value of {@code object} of a chunk. */
  String chunkObject();

  /** Whether each choice begins with a chunk that has no text. */
  boolean hasOpening();

  /** The chunk that begins a choice. */
  void opening(JsonGenerator json, Choice choice) throws IOException;

  /** A chunk with text. */
  void delta(JsonGenerator json, Choice choice, Choice.Piece piece) throws IOException;

  /** The chunk that ends a choice. */
  void finish(JsonGenerator json, Choice choice) throws IOException;

  /** All of a choice. */
  void whole(JsonGenerator json, Choice choice) throws IOException;

  /** A log-probability as JSON can have it; minus infinity becomes -9999, as OpenAI's own answers do. */
  static double finite(float logProb) {
    return Float.isFinite(logProb) ? logProb : -9999.0;
  }
}
