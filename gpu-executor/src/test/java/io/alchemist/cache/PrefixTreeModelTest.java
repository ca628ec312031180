package io.alchemist.cache;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Random work on a tree, its mover and its tiers, against what a naive map knows. Every K/V row and every activation row
 * holds numbers made of the version and all tokens up to its position, so a row found under wrong tokens shows at once, on
 * whichever tier it is found.
 */
class PrefixTreeModelTest {
  @ParameterizedTest(name = "seed {0}, {1} pages")
  @CsvSource({"1, 24, 25000", "2, 40, 25000", "3, 100, 25000", "4, 4000, 15000", "5, 4000, 15000"})
  void randomWorkKeepsEveryInvariant(long seed, int pages, int operations, @TempDir Path directory)
      throws Exception {
    try (TreeWorld world = new TreeWorld(seed, pages, directory)) {
      for (int i = 0; i < operations; i++) {
        world.step();
        if (i % 64 == 0) {
          world.check();
        }
      }
      world.finish();
    }
    try (Stream<Path> left = Files.list(directory)) {
      assertThat(left).isEmpty();
    }
  }
}
