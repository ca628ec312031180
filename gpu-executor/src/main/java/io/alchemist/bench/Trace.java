package io.alchemist.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeFormatterBuilder;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;

/**
 * Requests as they came to some service: when, and how many tokens each had.
 *
 * @param requests in the order in which they came
 */
record Trace(List<Request> requests) {
  /** The columns of the public traces of Azure's LLM inference (Patel et al. 2024, ISCA). */
  static final String HEADER = "TIMESTAMP,ContextTokens,GeneratedTokens";

  private static final DateTimeFormatter TIME = new DateTimeFormatterBuilder()
      .append(DateTimeFormatter.ISO_LOCAL_DATE)
      .appendLiteral(' ')
      .append(DateTimeFormatter.ISO_LOCAL_TIME)
      .toFormatter(Locale.ROOT);

  /** Quantiles of the 2023 conversation trace: what {@link #synthetic} draws from, log-linearly between. */
  private static final double[] SHARES = {0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.97, 0.99, 1};

  private static final double[] PROMPT_TOKENS = {2, 207, 396, 1020, 1189, 2735, 4090, 4142, 14050};
  private static final double[] ANSWER_TOKENS = {7, 54, 85, 129, 395, 424, 509, 601, 1000};

  /**
   * One request.
   *
   * @param seconds when it came, after the first
   * @param promptTokens tokens it asked with
   * @param answerTokens tokens it was answered with
   */
  record Request(double seconds, int promptTokens, int answerTokens) {}

  Trace {
    requests = List.copyOf(requests);
  }

  /**
   * Reads a CSV file with the columns of {@link #HEADER}.
   *
   * @throws IllegalArgumentException naming the line that can't be read, and what it should be
   */
  static Trace read(Path file) throws IOException {
    if (!Files.isReadable(file)) {
      throw new IllegalArgumentException("Trace " + file
          + " can't be read: it is not there or not yours to read. Name a CSV file.");
    }
    List<String> lines = Files.readAllLines(file);
    if (lines.isEmpty() || !lines.get(0).strip().equals(HEADER)) {
      throw new IllegalArgumentException("Trace " + file + " begins with '"
          + (lines.isEmpty() ? "" : lines.get(0))
          + "', so its columns are not known. Give it the header " + HEADER + ".");
    }
    List<Request> requests = new ArrayList<>();
    double first = 0;
    double last = 0;
    for (int i = 1; i < lines.size(); i++) {
      String line = lines.get(i).strip();
      if (line.isEmpty()) {
        continue;
      }
      Request request = parse(line, file, i + 1);
      if (requests.isEmpty()) {
        first = request.seconds();
      } else if (request.seconds() < last) {
        throw bad(file, i + 1, line, "came before the one above it; sort the file by time");
      }
      last = request.seconds();
      requests.add(new Request(last - first, request.promptTokens(), request.answerTokens()));
    }
    if (requests.size() < 2) {
      throw new IllegalArgumentException("Trace " + file + " has " + requests.size()
          + " requests, so there is no time between them. Give it at least two.");
    }
    return new Trace(requests);
  }

  private static Request parse(String line, Path file, int number) {
    String[] cells = line.split(",", -1);
    if (cells.length != 3) {
      throw bad(file, number, line, "has " + cells.length + " cells; give it three");
    }
    double seconds;
    try {
      Instant time = LocalDateTime.parse(cells[0].strip(), TIME).toInstant(ZoneOffset.UTC);
      seconds = time.getEpochSecond() + time.getNano() * 1e-9;
    } catch (DateTimeParseException e) {
      throw bad(file, number, line, "has no time like 2023-11-16 18:15:46.68 in its first cell");
    }
    return new Request(
        seconds, tokens(cells[1], file, number, line), tokens(cells[2], file, number, line));
  }

  private static int tokens(String cell, Path file, int number, String line) {
    try {
      int tokens = Integer.parseInt(cell.strip());
      if (tokens > 0) {
        return tokens;
      }
    } catch (NumberFormatException e) {
      // said below
    }
    throw bad(file, number, line, "has '" + cell + "' for a number of tokens; give a positive one");
  }

  private static IllegalArgumentException bad(Path file, int number, String line, String why) {
    return new IllegalArgumentException(
        "Line " + number + " of trace " + file + ", '" + line + "', " + why + ".");
  }

  /** A trace with the lengths of Azure's 2023 conversation trace and Poisson arrivals, one a second on the average. */
  static Trace synthetic(long seed, int count) {
    SplittableRandom random = new SplittableRandom(seed);
    List<Request> requests = new ArrayList<>();
    double seconds = 0;
    for (int i = 0; i < count; i++) {
      requests.add(new Request(
          seconds,
          quantile(PROMPT_TOKENS, random.nextDouble()),
          quantile(ANSWER_TOKENS, random.nextDouble())));
      seconds -= Math.log(1 - random.nextDouble());
    }
    return new Trace(requests);
  }

  private static int quantile(double[] values, double share) {
    int i = 1;
    while (share > SHARES[i]) {
      i++;
    }
    double within = (share - SHARES[i - 1]) / (SHARES[i] - SHARES[i - 1]);
    return (int) Math.round(values[i - 1] * Math.pow(values[i] / values[i - 1], within));
  }

  /** The requests from {@code from} on, {@code count} of them; times count from the first of them. */
  Trace part(int from, int count) {
    if (from + count > requests.size()) {
      throw new IllegalArgumentException("The trace has " + requests.size() + " requests, but "
          + (from + count) + " are needed. Give a longer one.");
    }
    double first = requests.get(from).seconds();
    return new Trace(requests.subList(from, from + count).stream()
        .map(r -> new Request(r.seconds() - first, r.promptTokens(), r.answerTokens()))
        .toList());
  }

  /** With lengths times {@code factor}, at least one token and at most so many in prompt and answer. */
  Trace withLengths(double factor, int mostPromptTokens, int mostAnswerTokens) {
    return new Trace(requests.stream()
        .map(r -> new Request(
            r.seconds(),
            length(r.promptTokens() * factor, mostPromptTokens),
            length(r.answerTokens() * factor, mostAnswerTokens)))
        .toList());
  }

  private static int length(double tokens, int most) {
    return (int) Math.max(1, Math.min(most, Math.round(tokens)));
  }

  /** With times stretched so that so many requests come a second, on the average. */
  Trace atRate(double perSecond) {
    double stretch = (requests.size() - 1) / perSecond / seconds();
    return new Trace(requests.stream()
        .map(r -> new Request(r.seconds() * stretch, r.promptTokens(), r.answerTokens()))
        .toList());
  }

  /** From the first request to the last. */
  double seconds() {
    return requests.get(requests.size() - 1).seconds();
  }
}
