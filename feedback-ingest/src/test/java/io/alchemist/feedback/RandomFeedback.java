package io.alchemist.feedback;

import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.apache.spark.sql.Row;
import org.jspecify.annotations.Nullable;

/** Feedback and turns by chance, wrong in all ways, with ids that meet again. The same seed gives the same. */
final class RandomFeedback {
  static final FeedbackRules RULES = new FeedbackRules(8, 40, 2_500, 12);

  private final Random random;
  private int made;

  /** Turns so far, and whether their answer is empty. */
  final Map<String, Boolean> turns = new TreeMap<>();

  RandomFeedback(long seed) {
    random = new Random(seed);
  }

  /** Some turns that were not known. */
  List<Row> moreTurns() {
    List<Row> added = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      String id = "t" + random.nextInt(20);
      boolean empty = random.nextInt(3) == 0;
      if (turns.putIfAbsent(id, empty) == null) {
        Instant endedAt = Samples.NOON.plusSeconds(random.nextInt(100_000));
        added.add(empty ? Samples.turn(id, endedAt) : Samples.turn(id, endedAt, 4, 5));
      }
    }
    return added;
  }

  /** Rows of which no two were created at one time. */
  List<Row> moreFeedback(int rows) {
    return IntStream.range(0, rows).mapToObj(i -> feedback()).toList();
  }

  private Row feedback() {
    String id = oneOf("f" + random.nextInt(80), 20, null, " ", "123456789");
    String turnId = oneOf("t" + random.nextInt(25), 20, (String) null);
    String usual =
        List.of("thumb", "score", "correction", "preference", "text").get(random.nextInt(5));
    String kind = oneOf(usual, 20, null, "Thumb");
    Double score = List.of(1.0, -1.0, 1.0, -1.0, 0.3, Double.NaN).get(random.nextInt(6));
    String text = oneOf("right " + random.nextInt(9), 5, null, "\t ");
    return Samples.feedback(
        id,
        turnId,
        kind,
        random.nextInt(9) == 0 ? null : score,
        text,
        Samples.NOON.plusMillis(made++));
  }

  /** Mostly the first, one time in {@code odds} one of the others. */
  private @Nullable String oneOf(String usual, int odds, @Nullable String... others) {
    return random.nextInt(odds) == 0 ? others[random.nextInt(others.length)] : usual;
  }
}
