package io.alchemist.files;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.EnumSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.junit.jupiter.api.Test;

class ElementTypeTest {
  /** The file and the program that wrote it lie beside each other. */
  private static List<String> golden() throws Exception {
    try (BufferedReader lines = new BufferedReader(new InputStreamReader(
        Objects.requireNonNull(ElementTypeTest.class.getResourceAsStream("gguf_blocks.txt")),
        StandardCharsets.UTF_8))) {
      return lines.lines().toList();
    }
  }

  @Test
  void decodesBlocksToTheBit() throws Exception {
    Set<ElementType> seen = EnumSet.of(ElementType.F32, ElementType.F64);
    for (String line : golden()) {
      String[] parts = line.split(" ", -1);
      ElementType type = ElementType.valueOf(parts[0]);
      byte[] block = HexFormat.of().parseHex(parts[1]);
      assertThat(block).hasSize(type.blockBytes());
      // Twice the same block, so that steps between blocks are right too.
      byte[] twice = new byte[block.length * 2];
      System.arraycopy(block, 0, twice, 0, block.length);
      System.arraycopy(block, 0, twice, block.length, block.length);
      float[] decoded = new float[type.blockElements() * 2];
      type.decode(twice, decoded, 2);
      for (int i = 0; i < decoded.length; i++) {
        int expected = Integer.parseUnsignedInt(parts[2 + i % type.blockElements()], 16);
        assertThat(decoded[i])
            .as("element %d of %s", i, type)
            .isEqualTo(Float.intBitsToFloat(expected));
      }
      seen.add(type);
    }
    assertThat(seen).isEqualTo(EnumSet.allOf(ElementType.class));
  }
}
