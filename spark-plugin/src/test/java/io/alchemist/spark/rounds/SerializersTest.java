package io.alchemist.spark.rounds;

import static org.assertj.core.api.Assertions.assertThat;

import io.alchemist.engine.HostGradient;
import io.alchemist.spark.fleet.Packed;
import io.alchemist.train.Reuse;
import io.alchemist.weights.AdapterData;
import java.io.Serializable;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.apache.spark.SparkConf;
import org.apache.spark.serializer.JavaSerializer;
import org.apache.spark.serializer.KryoSerializer;
import org.apache.spark.serializer.Serializer;
import org.apache.spark.serializer.SerializerInstance;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import scala.reflect.ClassTag$;

/** What tasks and broadcasts carry survives whichever serializer the user has chosen. */
class SerializersTest {
  static Stream<Serializer> serializers() {
    SparkConf conf = new SparkConf(false);
    return Stream.of(new JavaSerializer(conf), new KryoSerializer(conf));
  }

  static <T> T copy(Serializer serializer, Class<T> type, T value) {
    SerializerInstance instance = serializer.newInstance();
    var tag = ClassTag$.MODULE$.<T>apply(type);
    return instance.deserialize(instance.serialize(value, tag), tag);
  }

  private static <T extends Serializable> T throughPack(Serializer serializer, T value) {
    @SuppressWarnings("unchecked") // it is one
    Class<Packed<T>> type = (Class<Packed<T>>) (Class<?>) Packed.class;
    Packed<T> came = copy(serializer, type, new Packed<>(value));
    assertThat(came.value()).isNotSameAs(value).isSameAs(came.value());
    return came.value();
  }

  @ParameterizedTest
  @MethodSource("serializers")
  void adapters(Serializer serializer) {
    AdapterData adapter = SmallModel.adapter(1);
    assertThat(throughPack(serializer, adapter)).usingRecursiveComparison().isEqualTo(adapter);
  }

  @ParameterizedTest
  @MethodSource("serializers")
  void workOfAGradient(Serializer serializer) {
    GradientWork work = new GradientWork(
        3, true, -1_001, SmallModel.adapter(1), Reuse.LOGGED, new StructType().add("x", "string"));
    assertThat(throughPack(serializer, work)).usingRecursiveComparison().isEqualTo(work);
  }

  @ParameterizedTest
  @MethodSource("serializers")
  void workOfTheGate(Serializer serializer) {
    GateWork work = new GateWork(3, -1_001, SmallModel.adapter(2), -1_002, SmallModel.adapter(1));
    assertThat(throughPack(serializer, work)).usingRecursiveComparison().isEqualTo(work);
  }

  @ParameterizedTest
  @MethodSource("serializers")
  void examplesOfTheGate(Serializer serializer) {
    GateExample text =
        new GateExample(List.of(new GateExample.Message("user", "why?")), null, "so", null);
    GateExample tokens = new GateExample(null, new int[] {1, 2}, null, new int[] {3});
    assertThat(throughPack(serializer, text)).isEqualTo(text);
    assertThat(throughPack(serializer, tokens)).usingRecursiveComparison().isEqualTo(tokens);
  }

  @ParameterizedTest
  @MethodSource("serializers")
  void partsOfAGradient(Serializer serializer) {
    GradientPart part = new GradientPart("1");
    part.add(new HostGradient(
        GradientPartTest.matrices(new Random(1)), GradientPartTest.report(2, 1.5)));
    part.refuse("f1", "too long");
    GradientPart came = copy(serializer, GradientPart.class, part);
    assertThat(came).usingRecursiveComparison().isEqualTo(part);
    assertThat(came.plus(part).report().examples()).as("it can be added to").isEqualTo(4);
  }
}
