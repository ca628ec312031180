package io.alchemist.spark.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SimulatedUsersTest {
  @Test
  void theyChatJudgeAndGiveFeedbackBothWays(@TempDir Path directory) throws Exception {
    List<OutsideFeedback> rows = new CopyOnWriteArrayList<>();
    UserFigures figures = new UserFigures();
    try (ServedModel served = ServedModel.start(directory, "--learning-rate=1e-9")) {
      SimulatedUsers users = new SimulatedUsers(
          new UsersConfig(4, 3, 20, 50, 1),
          HelpDeskScenario.of(1),
          served.client(),
          rows::addAll,
          figures);
      try (users) {
        users.start();
        await().atMost(Duration.ofSeconds(60)).until(() -> {
          UserCounts now = figures.counts();
          return now.answers() >= 150 && now.nonsense() > 0;
        });
      }
    }
    UserCounts counts = figures.counts();
    assertThat(counts.failures()).isZero();
    assertThat(counts.streamed()).isBetween(counts.answers() / 4, counts.answers() * 3 / 4);
    assertThat(counts.right()).isBetween(1L, counts.answers() - 1);
    assertThat(counts.corrections()).isPositive();
    assertThat(counts.thumbs()).isPositive();
    assertThat(counts.posted()).isPositive();
    assertThat(counts.appended()).isEqualTo(rows.size());
    assertThat(counts.posted() + counts.appended())
        .isEqualTo(counts.corrections() + counts.thumbs() + counts.nonsense());
    assertThat(figures.firstTokenMillis.count()).isEqualTo(counts.streamed());
    assertThat(figures.perTokenMillis.p50()).isPositive();
    assertThat(rows.stream().filter(row -> row.kind().equals("thumb")).map(OutsideFeedback::score))
        .containsOnly(1.0);
    assertThat(rows.stream()
            .filter(row -> row.kind().equals("correction"))
            .filter(row -> !"".equals(row.text()))
            .map(OutsideFeedback::text))
        .allMatch(text -> text != null && text.endsWith("."));
  }

  @Test
  void withoutAServerTheyFailAndStop() {
    ChatClient nobody = new ChatClient(URI.create("http://127.0.0.1:9"), Duration.ofSeconds(2));
    UserFigures figures = new UserFigures();
    SimulatedUsers users = new SimulatedUsers(
        new UsersConfig(2, 2, 10, 50, 1), HelpDeskScenario.of(1), nobody, rows -> {}, figures);
    try (users) {
      users.start();
      await().atMost(Duration.ofSeconds(20)).until(() -> figures.counts().failures() >= 2);
    }
    assertThat(figures.counts().answers()).isZero();
  }

  @Test
  void rowsWhoseAppendFailedAreAppendedLater() {
    List<OutsideFeedback> table = new ArrayList<>();
    List<Integer> attempts = new CopyOnWriteArrayList<>();
    LongAdder appended = new LongAdder();
    try (OutsideSystem outside = new OutsideSystem(
        rows -> {
          attempts.add(rows.size());
          if (attempts.size() == 1) {
            throw new IllegalStateException("The table is busy");
          }
          table.addAll(rows);
        },
        20,
        appended)) {
      for (int i = 0; i < 5; i++) {
        assertThat(outside.give(OutsideFeedback.thumbUp("id-" + i, "turn", "user")))
            .isTrue();
      }
      await().atMost(Duration.ofSeconds(20)).until(() -> appended.sum() == 5);
    }
    assertThat(table.stream().map(OutsideFeedback::id).collect(Collectors.toList()))
        .containsExactly("id-0", "id-1", "id-2", "id-3", "id-4");
    assertThat(attempts).hasSizeGreaterThan(1);
  }

  @Test
  void closingAppendsWhatWaits() {
    List<OutsideFeedback> table = new CopyOnWriteArrayList<>();
    try (OutsideSystem outside = new OutsideSystem(table::addAll, 3_600_000, new LongAdder())) {
      outside.give(OutsideFeedback.thumbUp("late", "turn", "user"));
    }
    assertThat(table).extracting(OutsideFeedback::id).containsExactly("late");
  }
}
