package io.alchemist.spark.demo;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The whole demo over HTTP, small, against an engine that learns by itself. */
class DemoRunTest {
  private static final int STEPS = 4;

  @Test
  void correctionsRaiseAccuracyOnPhrasingsThatNobodyAsked(@TempDir Path directory)
      throws Exception {
    StringWriter console = new StringWriter();
    DemoReport report;
    try (ServedModel served =
        ServedModel.start(directory, "--steps=" + STEPS, "--rank=16", "--learning-rate=1e-3")) {
      DemoConfig config = new DemoConfig(
          new UsersConfig(8, 4, 100, 300, 3), 180, 2, 4, 10, new DemoConfig.Goal(0.8, 0.1));
      report = new DemoRun(
              config,
              new HelpDeskScenario(3, 5),
              served.client(),
              new PostedTable(served.client()),
              new ServedProgress(served, STEPS),
              new PrintWriter(console))
          .run();
    }
    String told = console.toString();
    assertThat(report.accuracyBefore()).as(told).isLessThan(0.2);
    assertThat(report.accuracyAfter()).as(told).isGreaterThan(report.accuracyBefore() + 0.5);
    assertThat(report.accuracyOtherBefore()).isGreaterThan(0.9);
    assertThat(report.accuracyOtherAfter()).as(told).isGreaterThan(0.8);
    assertThat(report.rounds()).isPositive();
    assertThat(report.versions()).isEqualTo(report.rounds());
    assertThat(report.feedbackTrained()).isPositive();
    assertThat(report.reusedPromptTokenShare()).isBetween(0.05, 1.0);
    assertThat(report.firstTokenMillisP50()).isPositive();
    assertThat(report.perTokenMillisP99()).isGreaterThanOrEqualTo(report.perTokenMillisP50());
    assertThat(report.users().posted()).isPositive();
    assertThat(report.users().appended()).isPositive();
    assertThat(told)
        .contains("Before: ")
        .contains("Round   1: version ")
        .containsPattern("Exam after round \\d+: ")
        .contains("After: ");
  }
}
