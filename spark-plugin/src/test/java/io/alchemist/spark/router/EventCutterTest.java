package io.alchemist.spark.router;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class EventCutterTest {
  private static final String STREAM =
      "data: one\n\ndata: two\ndata: more\n\n: comment\n\ndata: é\n\n";

  @Property(tries = 300)
  void whateverTheCutsWholeEventsComeOut(
      @ForAll @IntRange(min = 1, max = 60) int first,
      @ForAll @IntRange(min = 1, max = 60) int second) {
    byte[] bytes = (STREAM + "data: half").getBytes(StandardCharsets.UTF_8);
    EventCutter cutter = new EventCutter();
    StringBuilder out = new StringBuilder();
    int[] cuts = {0, Math.min(first, second), Math.max(first, second), bytes.length};
    for (int i = 0; i < 3; i++) {
      int from = Math.min(cuts[i], bytes.length);
      int to = Math.min(cuts[i + 1], bytes.length);
      out.append(text(cutter.add(Unpooled.copiedBuffer(bytes, from, to - from))));
      assertThat(out.isEmpty() || out.toString().endsWith("\n\n")).isTrue();
      assertThat(text(cutter.separator())).isEmpty();
    }
    assertThat(out.toString()).isEqualTo(STREAM);
    assertThat(text(cutter.rest())).isEqualTo("data: half");
    assertThat(text(cutter.rest())).isEmpty();
  }

  @Test
  void aWholeEventIsNotCopied() {
    ByteBuf event = Unpooled.copiedBuffer("data: x\n\n", StandardCharsets.UTF_8);
    assertThat(new EventCutter().add(event)).isSameAs(event);
  }

  @Test
  void aLongEventPassesInPieces() {
    EventCutter cutter = new EventCutter();
    String half = "x".repeat(40_000);
    assertThat(text(cutter.add(Unpooled.copiedBuffer(half, StandardCharsets.UTF_8))))
        .isEmpty();
    assertThat(text(cutter.add(Unpooled.copiedBuffer(half, StandardCharsets.UTF_8))))
        .hasSize(80_000);
    assertThat(text(cutter.separator())).isEqualTo("\n\n");
    assertThat(text(cutter.add(Unpooled.copiedBuffer("y\n\n", StandardCharsets.UTF_8))))
        .isEqualTo("y\n\n");
    assertThat(text(cutter.separator())).isEmpty();
  }

  private static String text(ByteBuf bytes) {
    String text = bytes.toString(StandardCharsets.UTF_8);
    bytes.release();
    return text;
  }
}
