package io.alchemist.spark.demo;

import static org.assertj.core.api.Assertions.assertThat;

import io.alchemist.spark.demo.UserScript.Ask;
import io.alchemist.spark.demo.UserScript.Channel;
import io.alchemist.spark.demo.UserScript.Nonsense;
import io.alchemist.spark.demo.UserScript.Visit;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class UserScriptTest {
  private static final int VISITS = 4_000;
  private final Scenario scenario = HelpDeskScenario.of(1);

  @Test
  void sameSeedSameVisits() {
    assertThat(visits(1, 2, 50)).isEqualTo(visits(1, 2, 50));
  }

  @Test
  void otherUsersAndSeedsDoOtherThings() {
    List<Visit> visits = visits(1, 2, 50);
    assertThat(visits(1, 3, 50)).doesNotContainSequence(visits.subList(10, 13));
    assertThat(visits(2, 2, 50)).doesNotContainSequence(visits.subList(10, 13));
  }

  @Test
  void sharesAreAsPromised() {
    List<Visit> visits = visits(1, 0, VISITS);
    List<Ask> asks = visits.stream().flatMap(visit -> visit.asks().stream()).toList();
    assertThat(share(visits.stream().filter(visit -> visit.asks().size() == 2), VISITS))
        .isBetween(0.17, 0.23);
    assertThat(share(asks.stream().filter(Ask::streamed), asks.size())).isBetween(0.47, 0.53);
    assertThat(share(asks.stream().filter(ask -> ask.channel() == Channel.TABLE), asks.size()))
        .isBetween(0.47, 0.53);
    assertThat(share(asks.stream().filter(Ask::praises), asks.size())).isBetween(0.55, 0.65);
    assertThat(visits.stream().map(Visit::nonsense).filter(kind -> kind != null).distinct())
        .containsExactlyInAnyOrder(Nonsense.values());
    assertThat(visits).allSatisfy(visit -> assertThat(visit.thinkMillis()).isBetween(350L, 1_050L));
  }

  private static double share(Stream<?> some, int all) {
    return (double) some.count() / all;
  }

  private List<Visit> visits(long seed, int user, int count) {
    UserScript script = new UserScript(scenario, seed, user, 700);
    return Stream.generate(script::next).limit(count).toList();
  }
}
