package io.alchemist.train;

import io.alchemist.activation.LoggedReader.Part;
import io.alchemist.model.RowBlock;
import io.alchemist.tensor.MemoryScope;
import io.alchemist.tensor.Ops;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/**
 * Rows that a slice of backward computes: consecutive, and few enough for the slice to be short. Each piece has all weights
 * brought from memory, for however few rows; so new rows and short logged stretches share pieces.
 *
 * @param block the rows, with what each of them sees
 * @param newRows how many of them the pass forwards itself, the first
 * @param parts of logged stretches that the others are, in order
 * @param runs owner of the block's tables; null where it has none
 */
record Piece(RowBlock block, int newRows, List<Part> parts, @Nullable RaggedRuns runs)
    implements AutoCloseable {
  /** Logged stretches with fewer rows share pieces in any case. */
  private static final int SHORT_ROWS = 64;
  /** Others with at most this share of a piece's rows: bringing them together costs less than a piece does. */
  private static final int SHORT_SHARE = 4;

  /** Whether the activations of its rows lie at more than one place. */
  boolean isJoint() {
    return sources() > 1;
  }

  /** Places where the activations of its rows lie: one of all new rows, and one of each part. */
  int sources() {
    return (newRows > 0 ? 1 : 0) + parts.size();
  }

  /** What of a logged stretch a source is; null where it is the new rows. */
  @Nullable
  Part part(int source) {
    return newRows == 0 ? parts.get(source) : source == 0 ? null : parts.get(source - 1);
  }

  /** Rows of a source. */
  int rows(int source) {
    Part part = part(source);
    return part == null ? newRows : part.count();
  }

  /** Whether its rows have a gradient on their output. */
  boolean hasOutput() {
    return block.attention() != null;
  }

  /**
   * What is kept of rows and read by backward: only rows of one kind share a piece.
   *
   * @param ofNewRows of those that the pass forwards itself
   * @param ofStretch of a logged stretch, by its index
   */
  record Kinds(Object ofNewRows, IntFunction<Object> ofStretch) {}

  private static final Kinds ONE_KIND = new Kinds("any", stretch -> "any");

  /**
   * Cuts a micro-batch for the backward of a layer. In the last one only rows that predict have a gradient on their output; their
   * pieces come first. The parts are the same and in the same order in all layers.
   *
   * @param maxRows of a piece
   * @param last whether it is the last layer
   */
  static List<Piece> cut(
      Ops ops, MemoryScope scope, MicroBatch batch, boolean last, int maxRows, Kinds kinds) {
    return Cutter.cut(batch, last, maxRows, kinds).stream()
        .map(cut -> cut.piece(ops, scope))
        .toList();
  }

  /** How many pieces {@link #cut} makes of rows of one kind. */
  static int count(MicroBatch batch, boolean last, int maxRows) {
    return Cutter.cut(batch, last, maxRows, ONE_KIND).size();
  }

  @Override
  public void close() {
    if (runs != null) {
      runs.close();
    }
  }

  /** What will be a piece. */
  private record Cut(List<MicroBatch.Run> runs, int newRows, List<Part> parts, boolean hasOutput) {
    Piece piece(Ops ops, MemoryScope scope) {
      int first = runs.get(0).firstRow();
      int rows = runs.stream().mapToInt(MicroBatch.Run::count).sum();
      RaggedRuns tables = hasOutput ? new RaggedRuns(ops, scope, runs, first) : null;
      RowBlock block = new RowBlock(first, rows, tables == null ? null : tables.batch());
      return new Piece(block, newRows, parts, tables);
    }
  }

  /** What has been cut so far, and the piece at hand. */
  private static final class Cutter {
    private final int maxRows;
    private final Kinds kinds;
    private final List<Cut> cuts = new ArrayList<>();
    private boolean hasOutput = true;
    private final List<MicroBatch.Run> runs = new ArrayList<>();
    private final List<Part> parts = new ArrayList<>();
    private int rows;
    private int newRows;
    private @Nullable Object kind;

    private Cutter(int maxRows, Kinds kinds) {
      this.maxRows = maxRows;
      this.kinds = kinds;
    }

    static List<Cut> cut(MicroBatch batch, boolean last, int maxRows, Kinds kinds) {
      Cutter cutter = new Cutter(maxRows, kinds);
      batch.predicting().forEach(cutter::newRows);
      if (last) {
        cutter.finish();
        cutter.hasOutput = false;
      }
      batch.holes().forEach(cutter::newRows);
      for (int s = 0; s < batch.logged().size(); s++) {
        cutter.logged(s, batch.logged().get(s).run());
      }
      cutter.finish();
      return cutter.cuts;
    }

    private void newRows(MicroBatch.Run run) {
      for (int done = 0; done < run.count(); ) {
        if (rows == maxRows) {
          finish();
        }
        int take = Math.min(maxRows - rows, run.count() - done);
        add(run, done, take);
        newRows += take;
        kind = kinds.ofNewRows;
        done += take;
      }
    }

    private void logged(int stretch, MicroBatch.Run run) {
      if (run.count() < Math.max(SHORT_ROWS, maxRows / SHORT_SHARE)) {
        Object kindOfStretch = kinds.ofStretch.apply(stretch);
        if (rows + run.count() > maxRows || !kindOfStretch.equals(kind)) {
          finish();
        }
        part(stretch, run, 0, run.count());
        kind = kindOfStretch;
        return;
      }
      finish();
      for (int done = 0; done < run.count(); done += maxRows) {
        part(stretch, run, done, Math.min(maxRows, run.count() - done));
        finish();
      }
    }

    private void part(int stretch, MicroBatch.Run run, int done, int take) {
      add(run, done, take);
      parts.add(new Part(stretch, done, take));
    }

    private void add(MicroBatch.Run run, int done, int take) {
      runs.add(new MicroBatch.Run(run.firstRow() + done, take, run.from() + done, run.path()));
      rows += take;
    }

    private void finish() {
      if (rows > 0) {
        cuts.add(new Cut(List.copyOf(runs), newRows, List.copyOf(parts), hasOutput));
      }
      runs.clear();
      parts.clear();
      rows = 0;
      newRows = 0;
      kind = null;
    }
  }
}
