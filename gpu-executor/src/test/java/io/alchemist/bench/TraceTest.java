package io.alchemist.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.alchemist.bench.Trace.Request;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.ToIntFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TraceTest {
  private static Path csv(Path directory, String... lines) throws IOException {
    return Files.writeString(directory.resolve("t.csv"), String.join("\r\n", lines));
  }

  @Test
  void readsTimesAndLengths(@TempDir Path directory) throws IOException {
    Trace trace = Trace.read(csv(
        directory,
        Trace.HEADER,
        "2023-11-16 23:59:59.5000000,374,44",
        "2023-11-17 00:00:01.2500000,396,109",
        ""));
    assertThat(trace.requests())
        .containsExactly(new Request(0, 374, 44), new Request(1.75, 396, 109));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "2023-11-16 18:15:47,374|has 2 cells; give it three",
        "yesterday,374,44|has no time like 2023-11-16 18:15:46.68 in its first cell",
        "2023-11-16 18:15:47,many,44|has 'many' for a number of tokens; give a positive one",
        "2023-11-16 18:15:47,374,0|has '0' for a number of tokens; give a positive one",
        "2023-11-16 18:15:45,374,44|came before the one above it; sort the file by time"
      })
  void aBadLineIsNamed(String line, String why, @TempDir Path directory) throws IOException {
    Path file = csv(directory, Trace.HEADER, "2023-11-16 18:15:46,1,1", line);
    assertThatThrownBy(() -> Trace.read(file))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Line 3 of trace " + file + ", '" + line + "', " + why + ".");
  }

  @Test
  void aFileWithOtherColumnsIsRefused(@TempDir Path directory) throws IOException {
    Path file = csv(directory, "time,in,out", "1,2,3");
    assertThatThrownBy(() -> Trace.read(file))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Trace " + file + " begins with 'time,in,out', so its columns are not known."
            + " Give it the header TIMESTAMP,ContextTokens,GeneratedTokens.");
  }

  @Test
  void aFileThatIsNotThereIsNamed(@TempDir Path directory) {
    Path file = directory.resolve("none.csv");
    assertThatThrownBy(() -> Trace.read(file))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Trace " + file
            + " can't be read: it is not there or not yours to read. Name a CSV file.");
  }

  @Test
  void oneRequestIsNoTrace(@TempDir Path directory) throws IOException {
    Path file = csv(directory, Trace.HEADER, "2023-11-16 18:15:46,1,1");
    assertThatThrownBy(() -> Trace.read(file))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Trace " + file
            + " has 1 requests, so there is no time between them. Give it at least two.");
  }

  @Test
  void aSyntheticTraceHasTheLengthsOfTheRealOne() {
    Trace trace = Trace.synthetic(1, 20_000);
    assertThat(mean(trace, Request::promptTokens)).isCloseTo(1_155, within(115.0));
    assertThat(share(trace, Request::promptTokens, 0.5)).isCloseTo(1_020, within(50.0));
    assertThat(share(trace, Request::promptTokens, 0.9)).isCloseTo(2_735, within(140.0));
    assertThat(mean(trace, Request::answerTokens)).isCloseTo(211, within(21.0));
    assertThat(share(trace, Request::answerTokens, 0.5)).isCloseTo(129, within(7.0));
    assertThat(share(trace, Request::answerTokens, 0.9)).isCloseTo(424, within(21.0));
  }

  @Test
  void itsArrivalsArePoissonsOneASecond() {
    Trace trace = Trace.synthetic(2, 20_000);
    assertThat(trace.seconds()).isCloseTo(20_000, within(600.0));
    long soon = 0;
    for (int i = 1; i < trace.requests().size(); i++) {
      double gap =
          trace.requests().get(i).seconds() - trace.requests().get(i - 1).seconds();
      assertThat(gap).isNotNegative();
      soon += gap < 1 ? 1 : 0;
    }
    assertThat(soon / 20_000.0).as("1 - 1/e").isCloseTo(0.632, within(0.02));
  }

  @Test
  void theSameSeedGivesTheSameTrace() {
    assertThat(Trace.synthetic(3, 50)).isEqualTo(Trace.synthetic(3, 50));
    assertThat(Trace.synthetic(3, 50)).isNotEqualTo(Trace.synthetic(4, 50));
  }

  @Test
  void isScaledInLengthAndTime() {
    Trace trace = new Trace(
        List.of(new Request(0, 1_000, 100), new Request(4, 10_000, 1), new Request(10, 30, 999)));
    assertThat(trace.withLengths(0.25, 500, 50).atRate(0.5).requests())
        .containsExactly(new Request(0, 250, 25), new Request(1.6, 500, 1), new Request(4, 8, 50));
  }

  @Test
  void aPartBeginsAtItsFirstRequest() {
    Trace trace =
        new Trace(List.of(new Request(0, 1, 1), new Request(4, 2, 2), new Request(10, 3, 3)));
    assertThat(trace.part(1, 2).requests())
        .containsExactly(new Request(0, 2, 2), new Request(6, 3, 3));
    assertThatThrownBy(() -> trace.part(2, 2))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("The trace has 3 requests, but 4 are needed. Give a longer one.");
  }

  private static double mean(Trace trace, ToIntFunction<Request> length) {
    return trace.requests().stream().mapToInt(length).average().orElseThrow();
  }

  private static double share(Trace trace, ToIntFunction<Request> length, double share) {
    int[] sorted = trace.requests().stream().mapToInt(length).sorted().toArray();
    return sorted[(int) (share * sorted.length)];
  }
}
