package io.alchemist.bench;

import io.alchemist.bench.ReuseGrid.Memory;
import io.alchemist.bench.ReuseGrid.Mode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/** The main results of the reuse benchmark as pictures: adapters, all on the device. */
final class ReusePictures {
  private static final List<String> WAYS =
      List.of("recomputed", "with layer checkpointing", "from what serving logged");

  private ReusePictures() {}

  /** Writes {@code reuse-throughput.svg} and {@code reuse-memory.svg}. */
  static void write(List<ReusePoint> points, Path directory) throws IOException {
    BarChart throughput = new BarChart(
        "Training tokens/s, recomputed = 1; dashed: what the measured forward and backward allow",
        "ratio",
        WAYS);
    BarChart memory = new BarChart("The trainer's peak memory", "MB", WAYS);
    for (ReusePoint result : points) {
      ReuseGrid.Point point = result.point();
      if (point.mode() != Mode.LORA || point.memory() != Memory.DEVICE) {
        continue;
      }
      String lengths = point.shared() ? "shared" : point.lengths().name().toLowerCase(Locale.ROOT);
      String label = String.format(Locale.ROOT, "%s, p = %.2f", lengths, result.share());
      if (!point.shared()) {
        double checkpointed = result.speedup() / result.speedupOverCheckpointing();
        throughput.add(label, List.of(1.0, checkpointed, result.speedup()), result.bound());
      }
      memory.add(label, result.peakMegabytes(), null);
    }
    Files.createDirectories(directory);
    Files.writeString(directory.resolve("reuse-throughput.svg"), throughput.svg());
    Files.writeString(directory.resolve("reuse-memory.svg"), memory.svg());
  }
}
