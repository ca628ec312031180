package io.alchemist.cache;

import io.alchemist.cache.Segment.Piece;
import io.alchemist.tensor.Fence;
import io.alchemist.tensor.HostBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;

/** One {@link Logged} on its way to the host, layer by layer. Engine thread only. */
final class Offload {
  /** Consecutive rows of the block that lie in one page. */
  record KvRun(int row, int slot, int rows) {}

  /** One layer's block: first being copied, then being put. */
  static final class LayerCopy {
    final int layer;
    final HostBuffer buffer;
    final long sizeBytes;
    final List<Fence> fences = new ArrayList<>();

    @Nullable
    Future<Boolean> put;

    LayerCopy(int layer, HostBuffer buffer) {
      this.layer = layer;
      this.buffer = buffer;
      this.sizeBytes = buffer.sizeBytes();
    }

    boolean copied() {
      return fences.stream().allMatch(Fence::isDone);
    }
  }

  final Logged logged;
  final Slab slab;
  final Pin pin;
  final Fence after;
  final List<KvRun> kvRuns;
  final long[] ids;
  /** Fields of each layer, as bits. */
  final int[] fields;

  final List<LayerCopy> copies = new ArrayList<>();
  /** Layers whose block went to the tier, and so must be removed from it on failure. */
  final BitSet sent = new BitSet();

  int started;
  boolean failed;
  boolean cancelled;

  Offload(Logged logged, Slab slab, Pin pin, Fence after, int pageSize) {
    this.logged = logged;
    this.slab = slab;
    this.pin = pin;
    this.after = after;
    this.kvRuns = kvRuns(logged, pageSize);
    this.ids = new long[slab.layers()];
    this.fields = new int[slab.layers()];
    Arrays.setAll(fields, slab::fieldMask);
  }

  private static List<KvRun> kvRuns(Logged logged, int pageSize) {
    List<KvRun> runs = new ArrayList<>();
    for (Segment s : logged.holders) {
      int[] pages = s.pages;
      if (pages == null) {
        throw new IllegalStateException(logged + " has no K/V on the device and no host copy");
      }
      for (Piece piece : s.pieces) {
        for (int at = piece.from(); piece.logged() == logged && at < piece.end(); ) {
          int inSegment = at - s.from;
          int rows = Math.min(piece.end() - at, pageSize - inSegment % pageSize);
          int slot = pages[inSegment / pageSize] * pageSize + inSegment % pageSize;
          runs.add(new KvRun(logged.row(at), slot, rows));
          at += rows;
        }
      }
    }
    return runs;
  }

  /** Nobody will read it any more, or a layer failed: no further layer is started. */
  boolean givenUp() {
    return failed || cancelled || logged.holders.isEmpty();
  }

  boolean isFinished() {
    return copies.isEmpty() && (started == slab.layers() || givenUp());
  }
}
