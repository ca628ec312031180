package io.alchemist.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FileFeedbackSinkTest {
  private final Path directory;

  FileFeedbackSinkTest(@TempDir Path directory) {
    this.directory = directory;
  }

  private Path file() {
    return directory.resolve("sub/feedback.jsonl");
  }

  private static Feedback feedback(String id) {
    return new Feedback(id, "turn", Feedback.Kind.TEXT, null, "Grüße\n\"", null, null, 17);
  }

  private static void join(CompletionStage<Void> stage) throws Exception {
    stage.toCompletableFuture().get(10, TimeUnit.SECONDS);
  }

  @Test
  void linesAreJson() throws Exception {
    try (FileFeedbackSink sink = FileFeedbackSink.open(file(), 10)) {
      join(
          sink.append(new Feedback("a", "t", Feedback.Kind.PREFERENCE, null, "x\n", "y", "u", 17)));
      join(sink.append(new Feedback("b", "t", Feedback.Kind.THUMB, -1.0, null, null, null, 18)));
    }

    assertThat(Files.readString(file()))
        .isEqualTo(
            """
            {"id":"a","turn_id":"t","kind":"preference","text":"x\\n","rejected":"y","user":"u","created_epoch_millis":17}
            {"id":"b","turn_id":"t","kind":"thumb","score":-1.0,"created_epoch_millis":18}
            """);
    assertThat(FileFeedbackSink.read(file()))
        .containsExactly(
            new Feedback("a", "t", Feedback.Kind.PREFERENCE, null, "x\n", "y", "u", 17),
            new Feedback("b", "t", Feedback.Kind.THUMB, -1.0, null, null, null, 18));
  }

  @Test
  void doneMeansInTheFile() throws Exception {
    try (FileFeedbackSink sink = FileFeedbackSink.open(file(), 10)) {
      join(sink.append(feedback("a")));
      assertThat(FileFeedbackSink.read(file())).containsExactly(feedback("a"));
    }
  }

  @Test
  void aTornLastLineIsCutOffWhereverItTore() throws Exception {
    try (FileFeedbackSink sink = FileFeedbackSink.open(file(), 10)) {
      join(sink.append(feedback("a")));
      join(sink.append(feedback("b")));
    }
    byte[] whole = Files.readAllBytes(file());
    int firstLine = 1;
    while (whole[firstLine - 1] != '\n') {
      firstLine++;
    }
    for (int length = whole.length; length >= 0; length -= 7) {
      Files.write(file(), Arrays.copyOf(whole, length));
      try (FileFeedbackSink sink = FileFeedbackSink.open(file(), 10)) {
        join(sink.append(feedback("c")));
      }
      List<String> ids =
          FileFeedbackSink.read(file()).stream().map(Feedback::id).toList();
      assertThat(Files.readAllLines(file())).hasSize(ids.size());
      assertThat(ids).endsWith("c").hasSizeLessThanOrEqualTo(3);
      if (length == whole.length) {
        assertThat(ids).containsExactly("a", "b", "c");
      } else if (length >= firstLine) {
        assertThat(ids).containsExactly("a", "c");
      }
    }
  }

  @Test
  void aLongTornLineIsCutOffToo() throws Exception {
    try (FileFeedbackSink sink = FileFeedbackSink.open(file(), 10)) {
      join(sink.append(feedback("a")));
    }
    Files.writeString(file(), "x".repeat(200_000), StandardOpenOption.APPEND);

    FileFeedbackSink.open(file(), 10).close();

    assertThat(FileFeedbackSink.read(file())).containsExactly(feedback("a"));
    assertThat(Files.size(file())).isLessThan(1_000);
  }

  @Test
  void duplicatesAndStrangeLinesAreHarmless() throws Exception {
    try (FileFeedbackSink sink = FileFeedbackSink.open(file(), 10)) {
      join(sink.append(feedback("a")));
      join(sink.append(feedback("a")));
    }
    Files.writeString(file(), "{}\n\0\0\n[]\n{\"id\":\"x\",\n", StandardOpenOption.APPEND);
    Files.write(file(), new byte[] {(byte) 0xFF, '\n'}, StandardOpenOption.APPEND);

    assertThat(FileFeedbackSink.read(file())).containsExactly(feedback("a"));
  }

  @Test
  void aFullQueueIsBusyAndCloseWritesEverything() throws Exception {
    FailingChannel channel = channel();
    channel.gate = new CountDownLatch(1);
    FileFeedbackSink sink = FileFeedbackSink.start(file(), channel, 3);
    List<CompletableFuture<Void>> accepted = new ArrayList<>();
    CompletableFuture<Void> refused = null;
    while (refused == null) {
      CompletableFuture<Void> stage =
          sink.append(feedback("f" + accepted.size())).toCompletableFuture();
      if (stage.isCompletedExceptionally()) {
        refused = stage;
      } else {
        accepted.add(stage);
      }
    }
    assertThatThrownBy(refused::join)
        .cause()
        .isInstanceOfSatisfying(
            RequestException.class, e -> assertThat(e.kind()).isEqualTo(RequestException.Kind.BUSY))
        .hasMessage("Already 3 feedbacks wait to be written; send it again later.");
    // What is not forced is not promised.
    assertThat(accepted).noneMatch(CompletableFuture::isDone);
    channel.gate.countDown();
    sink.close();

    assertThat(accepted).allMatch(CompletableFuture::isDone);
    assertThat(FileFeedbackSink.read(file())).hasSize(accepted.size());
    assertThatThrownBy(sink.append(feedback("late")).toCompletableFuture()::join)
        .hasMessageContaining("The feedback file feedback.jsonl takes no more: it is closed.");
    sink.close();
  }

  @Test
  void manyThreadsLoseNothing() throws Exception {
    List<Thread> threads = new ArrayList<>();
    List<CompletableFuture<Void>> stages = Collections.synchronizedList(new ArrayList<>());
    try (FileFeedbackSink sink = FileFeedbackSink.open(file(), 10_000)) {
      for (int t = 0; t < 4; t++) {
        String prefix = "t" + t + "-";
        Thread thread = new Thread(() -> {
          for (int i = 0; i < 500; i++) {
            stages.add(sink.append(feedback(prefix + i)).toCompletableFuture());
          }
        });
        threads.add(thread);
        thread.start();
      }
      for (Thread thread : threads) {
        thread.join();
      }
      CompletableFuture.allOf(stages.toArray(CompletableFuture[]::new)).get(20, TimeUnit.SECONDS);
    }

    assertThat(FileFeedbackSink.read(file())).hasSize(2_000);
  }

  @Test
  void oneSinkHoldsTheFile() throws Exception {
    FileFeedbackSink sink = FileFeedbackSink.open(file(), 1);

    assertThatThrownBy(() -> FileFeedbackSink.open(file(), 1))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("is held by another engine; give each engine a file of its own.");
    sink.close();
    FileFeedbackSink.open(file(), 1).close();
  }

  @Test
  void aFullDeviceFailsTheStage() throws Exception {
    Path full = Path.of("/dev/full");
    assumeThat(full).exists();
    try (FileFeedbackSink sink = FileFeedbackSink.open(full, 1)) {
      assertThatThrownBy(() -> join(sink.append(feedback("a"))))
          .hasCauseInstanceOf(IOException.class);
    }
  }

  @Test
  void aWriteThatFailsHalfwayIsCutBackAndTheSinkGoesOn() throws Exception {
    FailingChannel channel = channel();
    try (FileFeedbackSink sink = FileFeedbackSink.start(file(), channel, 10)) {
      join(sink.append(feedback("a")));
      channel.failAfterBytes = 10;
      assertThatThrownBy(() -> join(sink.append(feedback("b"))))
          .hasRootCauseMessage("No space left");
      channel.failAfterBytes = Integer.MAX_VALUE;
      join(sink.append(feedback("c")));
    }

    assertThat(Files.readAllLines(file())).hasSize(2);
    assertThat(FileFeedbackSink.read(file())).containsExactly(feedback("a"), feedback("c"));
  }

  @Test
  void afterAFailedForceNothingMoreIsTaken() throws Exception {
    FailingChannel channel = channel();
    try (FileFeedbackSink sink = FileFeedbackSink.start(file(), channel, 10)) {
      channel.forceFails = true;
      assertThatThrownBy(() -> join(sink.append(feedback("a"))))
          .hasRootCauseMessage("Device is gone");
      channel.forceFails = false;
      assertThatThrownBy(() -> join(sink.append(feedback("b"))))
          .cause()
          .isInstanceOfSatisfying(RequestException.class, e -> assertThat(e.kind())
              .isEqualTo(RequestException.Kind.UNAVAILABLE))
          .hasMessageContaining("it failed before");
    }
  }

  @Test
  void manyAppendsCostFewForces() throws Exception {
    FailingChannel channel = channel();
    channel.gate = new CountDownLatch(1);
    List<CompletableFuture<Void>> stages = new ArrayList<>();
    try (FileFeedbackSink sink = FileFeedbackSink.start(file(), channel, 1_000)) {
      for (int i = 0; i < 500; i++) {
        stages.add(sink.append(feedback("f" + i)).toCompletableFuture());
      }
      channel.gate.countDown();
      CompletableFuture.allOf(stages.toArray(CompletableFuture[]::new)).get(10, TimeUnit.SECONDS);
    }

    // One for what came before the gate, one for the rest.
    assertThat(channel.forces).isLessThanOrEqualTo(2);
    assertThat(FileFeedbackSink.read(file())).hasSize(500);
  }

  private FailingChannel channel() throws IOException {
    Files.createDirectories(directory.resolve("sub"));
    return new FailingChannel(
        FileChannel.open(file(), StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE));
  }
}
