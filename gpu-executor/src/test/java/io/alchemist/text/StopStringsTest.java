package io.alchemist.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;

class StopStringsTest {

  @Provide
  Arbitrary<String> words() {
    return Arbitraries.strings().withChars('a', 'b', 'c').ofMinLength(1).ofMaxLength(4);
  }

  @Provide
  Arbitrary<List<String>> pieces() {
    return Arbitraries.strings().withChars('a', 'b', 'c').ofMaxLength(5).list().ofMaxSize(8);
  }

  @Provide
  Arbitrary<List<String>> stops() {
    return words().list().ofMaxSize(3);
  }

  @Property
  void oneStopStringIsFoundWhereIndexOfFindsIt(
      @ForAll("words") String stop, @ForAll("pieces") List<String> pieces) {
    String text = String.join("", pieces);
    int at = text.indexOf(stop);
    StopStrings stops = new StopStrings(List.of(stop));
    assertThat(feed(stops, pieces)).isEqualTo(at < 0 ? text : text.substring(0, at));
    assertThat(stops.hit().isPresent()).isEqualTo(at >= 0);
  }

  @Property
  void theFirstToEndWins(
      @ForAll("stops") List<String> stops, @ForAll("pieces") List<String> pieces) {
    String text = String.join("", pieces);
    String expected = text;
    String hit = null;
    for (int end = 1; end <= text.length() && hit == null; end++) {
      for (String stop : stops) {
        if (text.substring(0, end).endsWith(stop)
            && (hit == null || stop.length() > hit.length())) {
          hit = stop;
          expected = text.substring(0, end - stop.length());
        }
      }
    }
    StopStrings watch = new StopStrings(stops);
    assertThat(feed(watch, pieces)).isEqualTo(expected);
    assertThat(watch.hit().orElse("")).isEqualTo(hit == null ? "" : hit);
  }

  /** Checks on the way that no more is held back than could begin a stop string. */
  @Property
  void holdsBackNoMoreThanNeeded(
      @ForAll("words") String stop, @ForAll("pieces") List<String> pieces) {
    StopStrings stops = new StopStrings(List.of(stop));
    StringBuilder fed = new StringBuilder();
    StringBuilder shown = new StringBuilder();
    for (String piece : pieces) {
      fed.append(piece);
      shown.append(stops.append(piece));
      if (stops.hit().isPresent()) {
        break;
      }
      String held = fed.substring(shown.length());
      assertThat(stop).startsWith(held).isNotEqualTo(held);
    }
  }

  private static String feed(StopStrings stops, List<String> pieces) {
    StringBuilder shown = new StringBuilder();
    for (String piece : pieces) {
      shown.append(stops.append(piece));
    }
    return shown.append(stops.flush()).toString();
  }

  @Test
  void showsNothingAfterTheHit() {
    StopStrings stops = new StopStrings(List.of("\n\n", "END"));
    assertThat(stops.append("one E")).isEqualTo("one ");
    assertThat(stops.append("N")).isEmpty();
    assertThat(stops.append("Dtwo")).isEmpty();
    assertThat(stops.hit()).contains("END");
    assertThat(stops.append("three")).isEmpty();
    assertThat(stops.flush()).isEmpty();
  }

  @Test
  void withoutStopStringsNothingIsHeldBack() {
    assertThat(new StopStrings(List.of()).append("text")).isEqualTo("text");
  }

  @Test
  void emptyStopStringIsRefused() {
    assertThatThrownBy(() -> new StopStrings(List.of("a", "")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("A stop string is empty, which would end every text at once. Leave it out.");
  }
}
