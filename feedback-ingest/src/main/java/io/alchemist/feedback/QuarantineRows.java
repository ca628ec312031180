package io.alchemist.feedback;

import io.alchemist.feedback.RoundRecord.Quarantined;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.jspecify.annotations.Nullable;

/**
 * Finds the rows that a round did not use. The round names them by id and reason. Of rows with one id, those that
 * were duplicates are the last ones, and any other reason is the first one's. A row without an id that can be kept says itself
 * what is wrong with it.
 */
final class QuarantineRows {
  /** How much of a text is kept; the whole of it stands in the table {@code feedback}. */
  static final int TEXT_CHARS = 1_024;

  /** Follows what was cut. */
  static final String CUT = "...";

  private static final int WIDTH = Table.FEEDBACK.schema().size();

  private QuarantineRows() {}

  /** Of {@code rows}, those that {@code round} did not use. */
  static List<Chosen> choose(List<JudgedRow> rows, RoundRecord round) {
    Map<String, Verdict> verdicts = new HashMap<>();
    for (Quarantined item : round.quarantined()) {
      if (item.id() != null) {
        verdicts.computeIfAbsent(item.id(), id -> new Verdict()).add(item);
      }
    }
    Map<String, List<JudgedRow>> sameId = new HashMap<>();
    List<Chosen> chosen = new ArrayList<>();
    for (JudgedRow row : rows.stream().sorted(JudgedRow.ORDER).toList()) {
      String id = row.id();
      if (id != null) {
        sameId.computeIfAbsent(id, unused -> new ArrayList<>()).add(row);
      } else {
        FeedbackRules.Fault fault = Objects.requireNonNull(row.fault());
        chosen.add(new Chosen(row, fault.reason(), fault.detail()));
      }
    }
    verdicts.forEach(
        (id, verdict) -> verdict.rows(sameId.getOrDefault(id, List.of())).forEach(chosen::add));
    return chosen;
  }

  /** A row that is not used, and why. */
  record Chosen(JudgedRow row, Reason reason, String detail) {
    /**
     * The row of {@link Table#QUARANTINE}.
     *
     * @param feedback the columns of {@link Table#FEEDBACK}
     */
    Row toRow(Row feedback, RoundRecord round) {
      Object[] values = new Object[Table.QUARANTINE.schema().size()];
      for (int i = 0; i < WIDTH; i++) {
        Object value = feedback.get(i);
        values[i] = value instanceof String text ? cut(text) : value;
      }
      int next = WIDTH;
      values[next++] = reason.name();
      values[next++] = detail;
      values[next++] = round.queryId();
      values[next++] = round.batchId();
      values[next] = Rows.timestamp(round.finishedAt());
      return RowFactory.create(values);
    }
  }

  private static String cut(String text) {
    return text.length() <= TEXT_CHARS ? text : text.substring(0, TEXT_CHARS) + CUT;
  }

  /** What became of the rows with one id. */
  private static final class Verdict {
    private @Nullable Quarantined first;
    private @Nullable Quarantined duplicate;
    private int duplicates;

    void add(Quarantined item) {
      if (item.reason() == Reason.DUPLICATE_ID) {
        duplicate = item;
        duplicates++;
      } else {
        first = item;
      }
    }

    /** Of the rows with this id, in their order, those that are not used. */
    Stream<Chosen> rows(List<JudgedRow> rows) {
      int firstDuplicate = rows.size() - duplicates;
      return IntStream.range(0, rows.size()).boxed().flatMap(i -> {
        Quarantined item = i >= firstDuplicate ? duplicate : i == 0 ? first : null;
        return item == null
            ? Stream.of()
            : Stream.of(new Chosen(rows.get(i), item.reason(), item.detail()));
      });
    }
  }
}
