package io.alchemist.train;

import static org.assertj.core.api.Assertions.assertThat;

import io.alchemist.cache.DeviceArena;
import io.alchemist.cache.HostTier;
import io.alchemist.cache.KvPages;
import io.alchemist.cache.PrefixTree;
import io.alchemist.cache.Recorded;
import io.alchemist.cache.Slab;
import io.alchemist.tensor.DType;
import io.alchemist.tensor.Ops;
import io.alchemist.tensor.Tensor;
import io.alchemist.tensor.cpu.CpuOps;
import java.util.Arrays;
import java.util.List;

/** A real tree of pages of four tokens, in which prompts are logged as if they had been served. */
final class LoggedPrompts implements AutoCloseable {
  private static final int PAGES = 64;

  final Ops ops = CpuOps.create(1, 1 << 20);
  private final DeviceArena arena = new DeviceArena(ops.memory(), DType.F32, 1, 1, 4, PAGES, 0);
  private final KvPages kv = new KvPages(arena);
  final PrefixTree tree = new PrefixTree(kv, HostTier.none());

  /** Serves a prompt: keys and values of all of it, activations of [from, to). */
  void serve(long version, int[] prompt, int from, int to) {
    int[] pages = new int[kv.pagesFor(prompt.length)];
    Arrays.setAll(pages, i -> kv.allocate());
    Tensor field = ops.memory().allocate("slab", DType.F32, to - from, 1);
    tree.insert(
        version,
        prompt,
        prompt.length,
        pages,
        0,
        List.of(new Recorded(
            from, to - from, new Slab(field.rows(), new Tensor[][] {{field}}, field::close), 0)));
  }

  void serve(int[] prompt) {
    serve(1, prompt, 0, prompt.length);
  }

  static int[] range(int first, int count) {
    int[] tokens = new int[count];
    Arrays.setAll(tokens, i -> first + i);
    return tokens;
  }

  @Override
  public void close() {
    tree.close();
    assertThat(kv.freePages()).as("all coverages were closed").isEqualTo(PAGES);
    arena.close();
    ops.close();
  }
}
