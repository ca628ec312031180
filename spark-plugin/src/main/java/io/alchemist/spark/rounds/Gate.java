package io.alchemist.spark.rounds;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.alchemist.spark.rounds.GateExample.Message;
import io.alchemist.weights.AdapterData;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.jspecify.annotations.Nullable;

/**
 * Judges candidates by examples that they were not trained on: those of a file, and the newest of the feedback that is held out.
 * Used by the thread of the rounds.
 */
final class Gate {
  private final List<GateExample> fixed;
  private final int maxExamples;
  private final double tolerance;
  private final Deque<GateExample> heldOut = new ArrayDeque<>();

  /**
   * A verdict.
   *
   * @param before mean loss of the live version, nats per token
   * @param after of the candidate
   * @param passed whether it may go live
   */
  record Verdict(double before, double after, boolean passed) {}

  /** Computes losses. */
  @FunctionalInterface
  interface Losses {
    /** Mean losses at the base version and at the candidate, nats per token; null where no example could be used. */
    double @Nullable [] of(
        List<GateExample> examples, long baseVersion, AdapterData base, AdapterData candidate);
  }

  /**
   * By examples of a file.
   *
   * @param file JSON lines, or empty for none
   * @param maxExamples most of the file, and most held-out ones
   * @param tolerance by how much the loss may rise
   * @throws IllegalArgumentException naming the line that is no example
   */
  Gate(Configuration hadoop, String file, int maxExamples, double tolerance) {
    this.maxExamples = maxExamples;
    this.tolerance = tolerance;
    this.fixed = file.isEmpty() ? List.of() : read(hadoop, file, maxExamples);
  }

  private static List<GateExample> read(Configuration hadoop, String file, int most) {
    Path path = new Path(file);
    List<GateExample> examples = new ArrayList<>();
    ObjectMapper json = new ObjectMapper();
    try (BufferedReader lines = new BufferedReader(
        new InputStreamReader(path.getFileSystem(hadoop).open(path), StandardCharsets.UTF_8))) {
      int number = 0;
      for (String line = lines.readLine();
          line != null && examples.size() < most;
          line = lines.readLine()) {
        number++;
        if (!line.isBlank()) {
          examples.add(example(json, line, file, number));
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException("Can't read the gate's examples from " + file, e);
    }
    return examples;
  }

  private static GateExample example(ObjectMapper json, String line, String file, int number) {
    List<Message> messages = new ArrayList<>();
    String answer = "";
    try {
      JsonNode node = json.readTree(line);
      for (JsonNode message : node.path("messages")) {
        messages.add(new Message(text(message, "role"), text(message, "content")));
      }
      answer = text(node, "answer");
    } catch (IOException e) {
      // told below
      messages.clear();
    }
    if (messages.isEmpty() || answer.isBlank()) {
      throw new IllegalArgumentException(
          "Line " + number + " of the gate's examples in " + file
              + " is none: each must be {\"messages\": [{\"role\": ..., \"content\": ...}], \"answer\": \"...\"}.");
    }
    return new GateExample(messages, null, answer, null);
  }

  private static String text(JsonNode node, String field) throws IOException {
    JsonNode value = node.path(field);
    if (!value.isTextual()) {
      throw new IOException(field + " is no text");
    }
    return value.textValue();
  }

  /** Keeps a held-out example; the oldest goes when there are too many. */
  void hold(GateExample example) {
    heldOut.add(example);
    if (heldOut.size() > maxExamples) {
      heldOut.remove();
    }
  }

  /** Judges a candidate; null where there is nothing to judge by. */
  @Nullable
  Verdict judge(Losses means, long baseVersion, AdapterData base, AdapterData candidate) {
    List<GateExample> examples = new ArrayList<>(fixed);
    examples.addAll(heldOut);
    if (examples.isEmpty()) {
      return null;
    }
    double[] losses = means.of(examples, baseVersion, base, candidate);
    return losses == null
        ? null
        : new Verdict(losses[0], losses[1], losses[1] <= losses[0] + tolerance);
  }
}
