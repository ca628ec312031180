package io.alchemist.spark.rounds;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.alchemist.engine.LoadedModel;
import io.alchemist.spark.internal.ArrowBatches;
import io.alchemist.train.TrainingExample;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.LongUnaryOperator;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.lifecycle.AfterContainer;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.util.GenericArrayData;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.unsafe.types.UTF8String;
import org.jspecify.annotations.Nullable;

/** Rows as they come out of a sorted batch become examples, through Arrow. */
class ExampleReaderTest {
  private static final LoadedModel MODEL = LoadedModel.open(Path.of("..", "models", "help-desk"));
  private static final StructType SCHEMA = new StructType()
      .add("feedback_id", DataTypes.StringType)
      .add("turn_id", DataTypes.StringType)
      .add("executor_id", DataTypes.StringType)
      .add("version", DataTypes.LongType)
      .add("conversation_id", DataTypes.StringType)
      .add("prompt", DataTypes.createArrayType(DataTypes.IntegerType))
      .add("completion", DataTypes.createArrayType(DataTypes.IntegerType))
      .add("target", DataTypes.StringType);

  @AfterContainer
  static void close() {
    MODEL.close();
  }

  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Given(
      String id, long version, int[] prompt, int[] completion, @Nullable String target) {
    InternalRow row() {
      return new GenericInternalRow(new @Nullable Object[] {
        UTF8String.fromString(id),
        UTF8String.fromString("turn"),
        UTF8String.fromString("1"),
        version,
        UTF8String.fromString("conversation"),
        new GenericArrayData(Arrays.stream(prompt).boxed().toArray()),
        new GenericArrayData(Arrays.stream(completion).boxed().toArray()),
        target == null ? null : UTF8String.fromString(target)
      });
    }
  }

  private static void read(
      List<Given> given, LongUnaryOperator versionOf, Consumer<ExampleReader> use) {
    ArrowBatches.forEach(
        given.stream().map(Given::row).iterator(),
        SCHEMA,
        1_000,
        batch -> use.accept(new ExampleReader(batch, MODEL, versionOf)));
  }

  private static TrainingExample example(Given given) {
    List<TrainingExample> examples = new ArrayList<>();
    read(List.of(given), version -> version, reader -> examples.add(reader.example(0)));
    return examples.get(0);
  }

  private static int[] concat(int[] a, int[] b) {
    int[] all = Arrays.copyOf(a, a.length + b.length);
    System.arraycopy(b, 0, all, a.length, b.length);
    return all;
  }

  @Property(tries = 20)
  void everyRowBecomesItsExample(
      @ForAll @Size(min = 1, max = 20)
          List<@Size(min = 1, max = 30) List<@IntRange(min = 0, max = 500) Integer>> prompts,
      @ForAll @Size(min = 1, max = 30) List<@IntRange(min = 0, max = 500) Integer> completion) {
    List<Given> given = new ArrayList<>();
    int[] answer = completion.stream().mapToInt(i -> i).toArray();
    for (int i = 0; i < prompts.size(); i++) {
      given.add(
          new Given("f" + i, i, prompts.get(i).stream().mapToInt(t -> t).toArray(), answer, null));
    }
    read(given, version -> version + 100, reader -> {
      for (int i = 0; i < given.size(); i++) {
        TrainingExample example = reader.example(i);
        assertThat(reader.id(i)).isEqualTo("f" + i);
        assertThat(example.id()).isEqualTo("f" + i);
        assertThat(example.turnId()).isEqualTo("turn");
        assertThat(example.version()).isEqualTo(i + 100);
        assertThat(example.tokens()).containsExactly(concat(given.get(i).prompt(), answer));
        for (int t = 0; t < example.tokens().length; t++) {
          assertThat(example.weights()[t]).isEqualTo(t < given.get(i).prompt().length ? 0 : 1);
        }
      }
    });
  }

  @Example
  void aTargetTakesThePlaceOfTheCompletion() {
    Given given = new Given("f", 1, new int[] {5, 6}, new int[] {7}, "Grüße, 東京 🙂");
    int[] target = MODEL.answerTokens("Grüße, 東京 🙂");
    assertThat(target).hasSizeGreaterThan(3);
    assertThat(example(given).tokens()).containsExactly(concat(new int[] {5, 6}, target));
  }

  @Example
  void anIdMayBeAnyText() {
    assertThat(
            example(new Given("é-東-🙂", 1, new int[] {1}, new int[] {2}, null)).id())
        .isEqualTo("é-東-🙂");
  }

  @Example
  void anEmptyAnswerTeachesNothing() {
    assertThatThrownBy(() -> example(new Given("f", 1, new int[] {1}, new int[0], null)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "Example 'f' has no token with a weight, so there is nothing to learn from it.");
  }

  @Example
  void withoutAPromptThereIsNothingToPredictFrom() {
    assertThatThrownBy(() -> example(new Given("f", 1, new int[0], new int[] {1}, null)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("Begin with a prompt.");
    assertThatThrownBy(() -> example(new Given("f", 1, new int[0], new int[0], null)))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Example
  void listsOfDifferentLengthsDoNotMix() {
    read(
        List.of(
            new Given("a", 1, new int[] {1}, new int[] {2, 3}, null),
            new Given("b", 1, new int[0], new int[] {4}, null),
            new Given("c", 1, new int[] {5, 6}, new int[] {7}, "yes")),
        version -> version,
        reader -> {
          assertThat(reader.example(0).tokens()).containsExactly(1, 2, 3);
          assertThat(reader.id(1)).isEqualTo("b");
          assertThat(reader.example(2).tokens())
              .containsExactly(concat(new int[] {5, 6}, MODEL.answerTokens("yes")));
        });
  }
}
