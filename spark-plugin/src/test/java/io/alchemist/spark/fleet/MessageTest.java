package io.alchemist.spark.fleet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.alchemist.spark.TestSpark;
import io.alchemist.spark.fleet.Message.Parcel;
import io.alchemist.weights.AdapterData;
import io.alchemist.weights.AdapterData.Factors;
import io.alchemist.weights.AdapterData.Site;
import io.alchemist.weights.LinearLayer;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.Size;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class MessageTest {
  private static final ExecutorReport REPORT = new ExecutorReport(
      7, true, "why", 1, 2, 3, 4, 5, 0.5, 0.75, 1.5, 2.5, 6, 7, 8, 9, 10, 11, 12, 13, 0.25, 0.15);
  private static final PostedFeedback FEEDBACK =
      new PostedFeedback("f", "t", "preference", null, "better ü", "worse", "me", 1_234);

  /** All but Publish and Parcel. */
  static Stream<Message> simple() {
    return Stream.of(
        new Message.Hello("3"),
        new Message.Welcome(-1),
        new Message.NotYet(),
        new Message.Ready("3", "node", 8080, "CPU", "small"),
        new Message.Failed("3", "node", "no model"),
        new Message.Leaving("3"),
        new Message.Collect(5, 1L << 40),
        new Message.Committed(Long.MAX_VALUE),
        new Message.Drain(),
        new Message.Done());
  }

  @ParameterizedTest
  @MethodSource("simple")
  void arrivesAsItWasSent(Message message) {
    assertThat(Message.decode(Message.encode(message))).isEqualTo(message);
  }

  @Test
  void everyKindIsTested() {
    Set<Class<?>> tested = simple().map(Message::getClass).collect(Collectors.toSet());
    assertThat(
            Arrays.stream(Message.class.getPermittedSubclasses()).filter(c -> !tested.contains(c)))
        .containsExactlyInAnyOrder(Parcel.class, Message.Publish.class);
  }

  @Property(tries = 20)
  void aParcelArrivesWhole(
      @ForAll int[] prompt, @ForAll float[] logProbs, @ForAll @Size(max = 50) String text) {
    ServedTurn turn = new ServedTurn(
        "t", "c", null, 3, prompt, new int[] {1, 2}, logProbs, text, text, 4, "length", 99);
    Parcel sent = new Parcel(List.of(turn), List.of(FEEDBACK), 17, true, REPORT);
    Parcel came = (Parcel) Message.decode(Message.encode(sent));
    assertThat(came).usingRecursiveComparison().isEqualTo(sent);
    assertThat(came.turns().get(0).prompt()).containsExactly(prompt);
  }

  @Test
  void aPublishCarriesItsBroadcast() {
    AdapterData adapter = new AdapterData(
        1,
        2,
        new TreeMap<>(Map.of(
            new Site(0, LinearLayer.Q),
            new Factors(new float[] {1, 2}, new float[] {3, Float.MIN_VALUE}))));
    Broadcast<Packed<AdapterData>> broadcast =
        new JavaSparkContext(TestSpark.session().sparkContext()).broadcast(new Packed<>(adapter));
    Message.Publish came =
        (Message.Publish) Message.decode(Message.encode(new Message.Publish(4, broadcast)));
    assertThat(came.version()).isEqualTo(4);
    assertThat(came.adapter().id()).isEqualTo(broadcast.id());
    assertThat(came.adapter().value().value().factors())
        .usingRecursiveComparison()
        .isEqualTo(adapter.factors());
    broadcast.destroy();
  }

  @Test
  void aParcelKeepsItsOwnLists() {
    List<ServedTurn> turns = new ArrayList<>();
    Parcel parcel = new Parcel(turns, List.of(), 0, false, ExecutorReport.NONE);
    turns.add(new ServedTurn(
        "t", "c", null, 1, new int[0], new int[0], new float[0], null, "", 0, "stop", 0));
    assertThat(parcel.turns()).isEmpty();
  }

  @Test
  void refusesWhatIsNoMessage() {
    byte[] bytes = Message.encode(new Message.Done());
    assertThatThrownBy(() -> Message.decode(Arrays.copyOf(bytes, bytes.length / 2)))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessage("Can't read what driver or executor sent");
  }

  @Test
  void namesAClassThatIsNotKnown() {
    byte[] bytes = Message.encode(new Message.NotYet());
    String renamed =
        new String(bytes, StandardCharsets.ISO_8859_1).replace("Message$NotYet", "Message$NotYot");
    assertThatThrownBy(() -> Message.decode(renamed.getBytes(StandardCharsets.ISO_8859_1)))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage(
            "Driver and executor run different versions of Alchemist:"
                + " io.alchemist.spark.fleet.Message$NotYot is not known here. Give both the same jars.");
  }
}
