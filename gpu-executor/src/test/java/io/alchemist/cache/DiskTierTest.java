package io.alchemist.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.alchemist.tensor.HostBuffer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DiskTierTest {
  private static final int FILE = 100 + DiskTier.HEADER_BYTES;
  private final FakeDevice device = new FakeDevice(0);

  private boolean store(DiskTier disk, long id) {
    try (HostBuffer buffer = device.hostBuffer(100)) {
      buffer.bytes().putLong(0, id).putLong(92, ~id);
      return disk.store(id, buffer);
    }
  }

  /** Whether the block is there; what is there must be what was stored. */
  private boolean holds(DiskTier disk, long id) {
    try (HostBuffer buffer = disk.load(id, device::hostBuffer)) {
      if (buffer == null) {
        return false;
      }
      assertThat(buffer.sizeBytes()).isEqualTo(100);
      assertThat(buffer.bytes().getLong(0)).isEqualTo(id);
      assertThat(buffer.bytes().getLong(92)).isEqualTo(~id);
      return true;
    } finally {
      assertThat(device.openBuffers).hasValue(0);
    }
  }

  private static List<Path> blocks(Path directory) throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      return files.filter(f -> f.toString().endsWith(".block")).sorted().toList();
    }
  }

  @Test
  void blocksComeBackAsTheyWere(@TempDir Path directory) throws IOException {
    try (DiskTier disk = new DiskTier(directory.resolve("spill"), 1000)) {
      assertThat(store(disk, 7)).isTrue();
      assertThat(store(disk, -1)).isTrue();
      assertThat(holds(disk, 7)).isTrue();
      assertThat(holds(disk, -1)).isTrue();
      assertThat(holds(disk, 8)).isFalse();
      assertThat(disk.usedBytes()).isEqualTo(2 * FILE);
    }
    try (Stream<Path> left = Files.list(directory.resolve("spill"))) {
      assertThat(left).isEmpty();
    }
  }

  @Test
  void theOldestMakeRoom(@TempDir Path directory) throws IOException {
    try (DiskTier disk = new DiskTier(directory, 2 * FILE)) {
      store(disk, 1);
      store(disk, 2);
      assertThat(store(disk, 3)).isTrue();
      assertThat(holds(disk, 1)).isFalse();
      assertThat(holds(disk, 2)).isTrue();
      assertThat(holds(disk, 3)).isTrue();
      assertThat(blocks(directory)).hasSize(2);
      disk.remove(2);
      store(disk, 4);
      assertThat(holds(disk, 3)).isTrue();
      assertThat(disk.usedBytes()).isEqualTo(2 * FILE);
    }
    try (DiskTier small = new DiskTier(directory, FILE - 1)) {
      assertThat(store(small, 1)).isFalse();
      assertThat(small.usedBytes()).isZero();
    }
  }

  @Test
  void removedFilesGoWithTheNextUse(@TempDir Path directory) throws IOException {
    try (DiskTier disk = new DiskTier(directory, 1000)) {
      store(disk, 1);
      disk.remove(1);
      assertThat(holds(disk, 1)).isFalse();
      assertThat(blocks(directory)).isEmpty();
      assertThat(disk.usedBytes()).isZero();
    }
  }

  @Test
  void damagedFilesAreMisses(@TempDir Path directory) throws IOException {
    try (DiskTier disk = new DiskTier(directory, 10_000)) {
      for (int id = 0; id < 7; id++) {
        store(disk, id);
      }
      List<Path> files = blocks(directory);
      flip(files.get(0), DiskTier.HEADER_BYTES + 50); // a byte of the contents
      flip(files.get(1), 12); // the id
      flip(files.get(2), 0); // the magic
      flip(files.get(3), 31); // the checksum
      Files.write(files.get(4), new byte[10]);
      Files.write(files.get(5), new byte[] {1}, StandardOpenOption.APPEND);
      Files.delete(files.get(6));
      for (int id = 0; id < 7; id++) {
        assertThat(holds(disk, id)).as("block %d", id).isFalse();
      }
      assertThat(holds(disk, 0)).isFalse();
      assertThat(disk.usedBytes()).isZero();
      assertThat(blocks(directory)).isEmpty();
      // One block's file in the place of another's.
      store(disk, 20);
      store(disk, 21);
      Files.copy(
          blocks(directory).get(0),
          blocks(directory).get(1),
          java.nio.file.StandardCopyOption.REPLACE_EXISTING);
      assertThat(holds(disk, 21)).isFalse();
      assertThat(holds(disk, 20)).isTrue();
    }
  }

  private static void flip(Path file, int at) throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    bytes[at] ^= 1;
    Files.write(file, bytes);
  }

  @Test
  void leftoversGoAndOtherFilesStay(@TempDir Path directory) throws IOException {
    try (DiskTier disk = new DiskTier(directory, 1000)) {
      store(disk, 1);
      byte[] block = Files.readAllBytes(blocks(directory).get(0));
      Files.createDirectory(directory.resolve("left"));
      Files.write(directory.resolve("left").resolve("alchemist-0000000000000001.block"), block);
      Files.write(
          directory.resolve("left").resolve("alchemist-0000000000000002.block"), new byte[0]);
      Files.writeString(
          directory.resolve("left").resolve("alchemist-0000000000000003.block"), "somebody else's");
      Files.write(directory.resolve("left").resolve("mine.block"), block);
    }
    Path left = directory.resolve("left");
    try (DiskTier disk = new DiskTier(left, 1000)) {
      assertThat(blocks(left))
          .extracting(f -> f.getFileName().toString())
          .containsExactly("alchemist-0000000000000003.block", "mine.block");
      assertThat(disk.usedBytes()).isZero();
    }
  }

  @Test
  void aDirectoryIsForOneTier(@TempDir Path directory) {
    try (DiskTier first = new DiskTier(directory, 1000)) {
      store(first, 1);
      assertThatThrownBy(() -> new DiskTier(directory, 1000))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage(
              "Directory " + directory
                  + " is in use by another engine's disk tier; give each engine a directory of its own");
      assertThat(holds(first, 1)).isTrue();
    }
    new DiskTier(directory, 1000).close();
  }

  @Test
  void aFileInItsPlaceIsAnError(@TempDir Path directory) throws IOException {
    Path file = Files.createFile(directory.resolve("file"));
    assertThatThrownBy(() -> new DiskTier(file, 1000))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessageContaining("name a directory that can be written");
  }

  @Test
  void aBlockThatCannotBeWrittenIsDropped(@TempDir Path directory) throws IOException {
    try (DiskTier disk = new DiskTier(directory, 1000)) {
      Path inTheWay = Files.createDirectory(directory.resolve("alchemist-0000000000000005.block"));
      Path child = Files.createFile(inTheWay.resolve("child"));
      assertThat(store(disk, 5)).isFalse();
      assertThat(disk.usedBytes()).isZero();
      assertThat(store(disk, 6)).isTrue();
      Files.delete(child);
      Files.delete(inTheWay);
    }
  }

  @Test
  void nothingIsStoredAfterClose(@TempDir Path directory) throws IOException {
    DiskTier disk = new DiskTier(directory, 1000);
    disk.close();
    disk.close();
    assertThat(store(disk, 1)).isFalse();
    assertThat(blocks(directory)).isEmpty();
  }

  @Test
  void theHeaderIsWhatTheDocumentSays(@TempDir Path directory) throws IOException {
    try (DiskTier disk = new DiskTier(directory, 1000)) {
      store(disk, 3);
      ByteBuffer header = ByteBuffer.allocate(DiskTier.HEADER_BYTES);
      try (FileChannel in = FileChannel.open(blocks(directory).get(0))) {
        in.read(header);
      }
      assertThat(header.getLong(8)).isEqualTo(3);
      assertThat(header.getLong(16)).isEqualTo(100);
    }
  }
}
