package io.alchemist.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class GgufHeaderTest {
  private final Path directory;

  GgufHeaderTest(@TempDir Path directory) {
    this.directory = directory;
  }

  private final GgufBuilder gguf = new GgufBuilder();

  private GgufHeader read(byte[] bytes) {
    try (ByteFile file = ByteFile.open(Fixtures.write(directory.resolve("m.gguf"), bytes))) {
      return GgufHeader.read(file);
    }
  }

  private GgufMetadata metadata() {
    return read(gguf.bytes()).metadata();
  }

  private void refuses(byte[] bytes, String message) {
    assertThatThrownBy(() -> read(bytes))
        .isInstanceOf(ModelFileException.class)
        .hasMessageContaining(message);
  }

  @Test
  void valuesOfAllTypes() {
    String lengthy = "é".repeat(50_000);
    gguf.pairs.put("byte", (byte) -3);
    gguf.pairs.put("short", (short) -300);
    gguf.pairs.put("unsigned", -1);
    gguf.pairs.put("long", Long.MIN_VALUE);
    gguf.pairs.put("float", 0.5f);
    gguf.pairs.put("double", Math.PI);
    gguf.pairs.put("flag", true);
    gguf.pairs.put("text", "größer");
    gguf.pairs.put("lengthy", lengthy);
    gguf.pairs.put("strings", List.of("a", "", "b"));
    gguf.pairs.put("floats", List.of(1f, -2f));
    gguf.pairs.put("doubles", List.of(1.5, -2.5));
    gguf.pairs.put("bytes", List.of((byte) 1, (byte) -2));
    gguf.pairs.put("longs", List.of(1L << 40, 2L));
    gguf.pairs.put("ints", List.of(7, 8, 9));
    gguf.pairs.put("flags", List.of(true, false));
    gguf.pairs.put("nested", List.of(List.of(1, 2), List.of("x")));
    GgufMetadata metadata = metadata();
    assertThat(metadata).hasSize(17).containsEntry("byte", -3L).containsKey("flags");
    assertThat(metadata.integer("short")).hasValue(-300);
    assertThat(metadata.integer("unsigned")).hasValue(4_294_967_295L);
    assertThat(metadata.integer("long")).hasValue(Long.MIN_VALUE);
    assertThat(metadata.number("float")).hasValue(0.5);
    assertThat(metadata.number("double")).hasValue(Math.PI);
    assertThat(metadata.number("byte")).hasValue(-3);
    assertThat(metadata.flag("flag")).contains(true);
    assertThat(metadata.string("text")).contains("größer");
    assertThat(metadata.string("lengthy")).contains(lengthy);
    assertThat(metadata.strings("strings")).contains(List.of("a", "", "b"));
    assertThat(metadata.floats("floats").orElseThrow()).containsExactly(1, -2);
    assertThat(metadata.get("doubles")).isEqualTo(new double[] {1.5, -2.5});
    assertThat(metadata.ints("bytes").orElseThrow()).containsExactly(1, -2);
    assertThat(metadata.ints("ints").orElseThrow()).containsExactly(7, 8, 9);
    assertThat(metadata.get("longs")).isEqualTo(new long[] {1L << 40, 2});
    assertThat(metadata.get("flags")).isEqualTo(new boolean[] {true, false});
    assertThat(metadata.get("nested"))
        .asInstanceOf(org.assertj.core.api.InstanceOfAssertFactories.LIST)
        .containsExactly(new long[] {1, 2}, List.of("x"));
  }

  @Test
  void accessorsCheckTypes() {
    gguf.pairs.put("text", "t".repeat(100));
    gguf.pairs.put("longs", List.of(1L << 40));
    gguf.pairs.put("nested", List.of(List.of(1)));
    GgufMetadata metadata = metadata();
    assertThat(metadata.string("absent")).isEmpty();
    assertThat(metadata.strings("absent")).isEmpty();
    assertThat(metadata.floats("absent")).isEmpty();
    assertThat(metadata.ints("absent")).isEmpty();
    assertThat(metadata.flag("absent")).isEmpty();
    assertThat(metadata.integer("absent")).isEmpty();
    assertThat(metadata.number("absent")).isEmpty();
    assertThatThrownBy(() -> metadata.number("text"))
        .hasMessageContaining("'text' is " + "t".repeat(77) + "...: it should be a number");
    assertThatThrownBy(() -> metadata.floats("text")).hasMessageContaining("an array of float32");
    assertThatThrownBy(() -> metadata.flag("text")).hasMessageContaining("true or false");
    assertThatThrownBy(() -> metadata.string("longs"))
        .hasMessageContaining("'longs' is of type long[]: it should be a string");
    assertThatThrownBy(() -> metadata.ints("longs"))
        .hasMessageContaining("'longs' is 1099511627776: it should be an array of 32-bit integers");
    assertThatThrownBy(() -> metadata.ints("text")).hasMessageContaining("an array of integers");
    assertThatThrownBy(() -> metadata.strings("nested")).hasMessageContaining("array of strings");
  }

  @Test
  void everyTruncationIsRefused() {
    gguf.pairs.put("text", "abc");
    gguf.pairs.put("ints", List.of(1, 2, 3));
    gguf.floats("w", List.of(2L), 1, 2);
    byte[] whole = gguf.bytes();
    read(whole);
    for (int length = 0; length < whole.length; length++) {
      refuses(Arrays.copyOf(whole, length), "The file is cut short or damaged; fetch it again.");
    }
  }

  @Test
  void otherFilesAreRefused() {
    refuses(
        "PK zip archive here".getBytes(StandardCharsets.UTF_8),
        "the file begins with 504b207a: a GGUF file begins with the letters GGUF (47475546)");
    gguf.version = 1;
    refuses(gguf.bytes(), "the GGUF version is 1: versions 2 and 3, little-endian, can be read");
    gguf.version = 3 << 24;
    refuses(gguf.bytes(), "the GGUF version is 50331648");
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 1000, 1L << 60, -5L})
  void countsThatLieAreRefused(long count) {
    gguf.pairs.put("pad", "x".repeat(10_000));
    gguf.floats("w", List.of(2L), 1, 2);
    gguf.extraPairs = count;
    assertThatThrownBy(() -> read(gguf.bytes())).isInstanceOf(ModelFileException.class);
    gguf.extraPairs = 0;
    gguf.extraTensors = count;
    assertThatThrownBy(() -> read(gguf.bytes())).isInstanceOf(ModelFileException.class);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12})
  void arraysThatLieAreRefused(int type) {
    for (long count : new long[] {1000, Integer.MAX_VALUE, 1L << 61, -1}) {
      gguf.pairs.put("liar", new GgufBuilder.Lying(type, count));
      refuses(gguf.bytes(), "it claims " + Long.toUnsignedString(count) + " elements of 'liar'");
    }
  }

  @Test
  void unknownValueTypesAndDeepNestingAreRefused() {
    gguf.pairs.put("liar", new GgufBuilder.Lying(99, 0));
    gguf.pairs.put("pad", 1);
    assertThat(metadata().get("liar")).isEqualTo(List.of());
    gguf.pairs.put("liar", List.of(new GgufBuilder.Lying(99, 1)));
    refuses(gguf.bytes(), "the value of 'liar' has the type 99: types are 0 to 12");
    gguf.pairs.put("liar", List.of(List.of(List.of(List.of(List.of(1))))));
    refuses(gguf.bytes(), "'liar' nests arrays: they are at most 4 levels deep");
  }

  @ParameterizedTest
  @CsvSource({
    "99, 2, the tensor 'w' has the element type 99: F32",
    "0, 3, 'w' of shape [3] begins at byte 0 of the data: the file has only 8 bytes of data",
    "0, 0, 'w' has the shape [0]: sizes are positive",
    "0, -5, 'w' has the shape [-5]: sizes are positive",
    "0, 4611686018427387904, 'w' of shape [4611686018427387904] begins",
    "8, 33, 'w' has the shape [33]: sizes are positive, and rows of Q8_0 are multiples of 32",
  })
  void tensorsThatLieAreRefused(int type, long size, String message) {
    gguf.tensors.put("w", new GgufBuilder.Tensor(List.of(size), type, new byte[8]));
    refuses(gguf.bytes(), message);
  }

  @Test
  void dimensionsAndOffsetsThatLieAreRefused() {
    gguf.tensors.put("w", new GgufBuilder.Tensor(List.of(1L, 1L, 1L, 1L, 1L), 0, new byte[4]));
    refuses(gguf.bytes(), "the tensor 'w' has 5 dimensions: there are 1 to 4");
    gguf.tensors.put("w", new GgufBuilder.Tensor(List.of(), 0, new byte[4]));
    refuses(gguf.bytes(), "the tensor 'w' has 0 dimensions");
    gguf.floats("w", List.of(2L), 1, 2);
    gguf.floats("v", List.of(2L), 1, 2);
    gguf.offsetShift = 8;
    refuses(gguf.bytes(), "the tensor 'v' begins at byte 40 of the data: tensors begin at");
    gguf.offsetShift = -32;
    refuses(gguf.bytes(), "begins at byte 0 of the data: the one before it ends at 8");
    gguf.offsetShift = 32;
    refuses(gguf.bytes(), "begins at byte 64 of the data: the file has only 40 bytes of data");
  }
}
