package io.alchemist.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class SafetensorsTest {
  private static final String ONE =
      "{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}";

  private final Path directory;

  SafetensorsTest(@TempDir Path directory) {
    this.directory = directory;
  }

  private Path file() {
    return directory.resolve("model.safetensors");
  }

  private static float[] read(Path file, String name, int count) {
    try (Safetensors opened = Safetensors.open(file)) {
      float[] values = new float[count];
      opened.read(name, 0, FloatBuffer.wrap(values));
      return values;
    }
  }

  @ParameterizedTest
  @EnumSource
  void comesBackAsWritten(StorageType type) {
    Map<String, List<Long>> shapes = new LinkedHashMap<>();
    shapes.put("matrix", List.of(300L, 301L));
    shapes.put("scalar", List.of());
    shapes.put("empty", List.of(0L, 5L));
    SafetensorsWriter.write(file(), shapes, type, (name, offset, into) -> {
      for (long i = offset; into.hasRemaining(); i++) {
        into.put((i % 255 - 127) / 64f);
      }
    });
    try (Safetensors opened = Safetensors.open(file())) {
      assertThat(opened.names()).containsExactlyInAnyOrder("matrix", "scalar", "empty");
      assertThat(opened.shape("matrix")).containsExactly(300L, 301L);
      assertThat(opened.shape("scalar")).isEmpty();
    }
    float[] matrix = read(file(), "matrix", 300 * 301);
    for (int i = 0; i < matrix.length; i++) {
      assertThat(matrix[i]).isEqualTo((i % 255 - 127) / 64f);
    }
    assertThat(read(file(), "scalar", 1)).containsExactly(-127 / 64f);
  }

  @Test
  void readsFloat64() {
    ByteBuffer data = ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN);
    data.putDouble(0.1).putDouble(-3);
    Fixtures.safetensors(
        file(), "{\"w\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[0,16]}}", data.array());
    assertThat(read(file(), "w", 2)).containsExactly(0.1f, -3);
  }

  @Test
  void readsBeyondTwoGibibytes() throws Exception {
    long far = 3L << 30;
    String header =
        "{\"far\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[%d,%d]},\"big\":{\"dtype\":\"F32\",\"shape\":[%d],\"data_offsets\":[0,%d]}}"
            .formatted(far, far + 4, far / 4, far);
    Fixtures.safetensors(file(), header);
    try (RandomAccessFile sparse = new RandomAccessFile(file().toFile(), "rw")) {
      sparse.seek(8 + header.length() + far);
      sparse.write(Fixtures.floats(42));
    }
    assertThat(read(file(), "far", 1)).containsExactly(42);
    try (Safetensors opened = Safetensors.open(file())) {
      float[] last = {1, 1};
      opened.read("big", far / 4 - 2, FloatBuffer.wrap(last));
      assertThat(last).containsExactly(0, 0);
    }
  }

  @Test
  void aRangeOutsideTheTensorIsRefused() {
    Fixtures.safetensors(file(), ONE, Fixtures.floats(1, 2));
    try (Safetensors opened = Safetensors.open(file())) {
      assertThatThrownBy(() -> opened.read("w", 1, FloatBuffer.allocate(2)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage(
              "w has 2 elements: 2 from 1 on are not in it. Ask for a range inside the weight.");
      assertThatThrownBy(() -> opened.read("w", Long.MAX_VALUE, FloatBuffer.allocate(2)))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> opened.read("v", 0, FloatBuffer.allocate(1)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("has no tensor 'v'");
    }
  }

  @Test
  void theElementThatIsNotFiniteIsNamed() {
    Fixtures.safetensors(file(), ONE, Fixtures.floats(1, Float.NaN));
    assertThatThrownBy(() -> read(file(), "w", 2))
        .isInstanceOf(ModelFileException.class)
        .hasMessage(file()
            + ": element 1 of w is NaN: one weight that is not finite makes every output NaN."
            + " Use a checkpoint from before training diverged, or fetch the file again.");
  }

  @Test
  void aTruncatedFileIsRefused() throws Exception {
    Fixtures.safetensors(file(), ONE, Fixtures.floats(1, 2));
    byte[] whole = Files.readAllBytes(file());
    for (int length = 0; length < whole.length; length++) {
      Fixtures.write(file(), java.util.Arrays.copyOf(whole, length));
      assertThatThrownBy(() -> Safetensors.open(file()).close())
          .isInstanceOf(ModelFileException.class)
          .hasMessageContaining("fetch it again");
    }
  }

  @Test
  void aFileCutShortWhileOpenIsAnError() throws Exception {
    Fixtures.safetensors(file(), ONE, Fixtures.floats(1, 2));
    try (Safetensors opened = Safetensors.open(file())) {
      try (RandomAccessFile cut = new RandomAccessFile(file().toFile(), "rw")) {
        cut.setLength(cut.length() - 4);
      }
      assertThatThrownBy(() -> opened.read("w", 0, FloatBuffer.allocate(2)))
          .isInstanceOf(ModelFileException.class)
          .hasMessageContaining("the file ends at byte");
    }
  }

  @Test
  void aHeaderLengthThatLiesIsRefused() {
    for (long lie : new long[] {-1, 0, 1L << 40, 100_000_001, 60}) {
      ByteBuffer bytes = ByteBuffer.allocate(32).order(ByteOrder.LITTLE_ENDIAN).putLong(lie);
      Fixtures.write(file(), bytes.array());
      assertThatThrownBy(() -> Safetensors.open(file()).close())
          .isInstanceOf(ModelFileException.class)
          .hasMessageContaining("the header claims " + Long.toUnsignedString(lie) + " bytes");
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}|the JSON text is broken",
        "[]|the JSON text is not an object",
        "{\"w\":7}|'w' is 7: it should be an object",
        "{\"w\":{\"shape\":[2],\"data_offsets\":[0,8]}}|'w.dtype' is missing",
        "{\"w\":{\"dtype\":\"F8_E4M3\",\"shape\":[8],\"data_offsets\":[0,8]}}|tensor 'w' has the type F8_E4M3: F64, F32, F16 and BF16 can be read",
        "{\"w\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}|'w.shape' is [-2]",
        "{\"w\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,8]}}|'w.shape' is [1.5]",
        "{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}}|'w.data_offsets' is [0]",
        "{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}|lies at bytes 8 to 0 of the data",
        "{\"w\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}|the file has 8 bytes of data",
        "{\"w\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}|tensor 'w' takes 8 bytes: its shape [3] of F32 does not take so many",
        "{\"w\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,8]}}|does not take so many",
        "{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}|begins at byte 4 of the data",
        "{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}|bytes: its header describes",
        "{\"v\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}|neither overlap nor gape",
        "{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}|Duplicate field 'w'",
      })
  void aHeaderThatLiesIsRefused(String header, String message) {
    Fixtures.safetensors(file(), header, Fixtures.floats(1, 2));
    assertThatThrownBy(() -> Safetensors.open(file()).close())
        .isInstanceOf(ModelFileException.class)
        .hasMessageContaining(message);
  }

  @Test
  void aFailedWriteLeavesWhatWasThere() throws Exception {
    Fixtures.safetensors(file(), ONE, Fixtures.floats(1, 2));
    Map<String, List<Long>> shapes = Map.of("w", List.of(3L));
    assertThatThrownBy(() -> SafetensorsWriter.write(
            file(), shapes, StorageType.F16, (name, offset, into) -> into.put(1)
                .put(1)
                .put(1e6f)))
        .isInstanceOf(ModelFileException.class)
        .hasMessageContaining("element 2 of w is 1000000.0: it is not a finite number of float16");
    assertThat(read(file(), "w", 2)).containsExactly(1, 2);
    try (Stream<Path> files = Files.list(directory)) {
      assertThat(files).containsExactly(file());
    }
  }
}
