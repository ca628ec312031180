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
 * Finds the whole rows that a round did not use. The round names them by id and reason. Of rows with one id, those that
 * were duplicates are the last ones, and any other reason is the first one's. A row without an id that can be kept says itself
 * what is wrong with it.
 */
final class QuarantineRows {
  private static final int WIDTH = Table.FEEDBACK.schema().size();

  private QuarantineRows() {}

  /** Of {@code rows}, those that {@code round} did not use, with the columns of {@link Table#QUARANTINE}. */
  static List<Row> of(List<JudgedRow> rows, RoundRecord round) {
    Map<String, Verdict> verdicts = new HashMap<>();
    for (Quarantined item : round.quarantined()) {
      if (item.id() != null) {
        verdicts.computeIfAbsent(item.id(), id -> new Verdict()).add(item);
      }
    }
    Map<String, List<JudgedRow>> sameId = new HashMap<>();
    List<Row> quarantined = new ArrayList<>();
    for (JudgedRow row : rows.stream().sorted(JudgedRow.ORDER).toList()) {
      String id = row.id();
      if (id != null) {
        sameId.computeIfAbsent(id, unused -> new ArrayList<>()).add(row);
      } else {
        FeedbackRules.Fault fault = Objects.requireNonNull(row.fault());
        quarantined.add(row(row, fault.reason(), fault.detail(), round));
      }
    }
    verdicts.forEach((id, verdict) ->
        verdict.rows(sameId.getOrDefault(id, List.of()), round).forEach(quarantined::add));
    return quarantined;
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
    Stream<Row> rows(List<JudgedRow> rows, RoundRecord round) {
      int firstDuplicate = rows.size() - duplicates;
      return IntStream.range(0, rows.size()).boxed().flatMap(i -> {
        Quarantined item = i >= firstDuplicate ? duplicate : i == 0 ? first : null;
        return item == null
            ? Stream.of()
            : Stream.of(row(rows.get(i), item.reason(), item.detail(), round));
      });
    }
  }

  private static Row row(JudgedRow row, Reason reason, String detail, RoundRecord round) {
    Object[] values = new Object[Table.QUARANTINE.schema().size()];
    for (int i = 0; i < WIDTH; i++) {
      values[i] = row.row().get(i);
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
