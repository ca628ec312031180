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
  /** Logged stretches with fewer rows share pieces. */
  private static final int SHORT_ROWS = 64;

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

  /** Whether a stretch of so many rows shares pieces with others. */
  static boolean isShort(int rows) {
    return rows < SHORT_ROWS;
  }

  /**
   * What is kept of rows and read by backward: only rows of one kind share a piece.
   *
   * @param ofNewRows of those that the pass forwards itself
   * @param ofStretch of a logged stretch, by its index
   */
  record Kinds(Object ofNewRows, IntFunction<Object> ofStretch) {}

  /**
   * Cuts a micro-batch for the backward of any layer but the last.
   *
   * @param maxRows of a piece
   */
  static List<Piece> cut(Ops ops, MemoryScope scope, MicroBatch batch, int maxRows, Kinds kinds) {
    Cutter cutter = new Cutter(ops, scope, maxRows, kinds);
    batch.predicting().forEach(cutter::newRows);
    batch.holes().forEach(cutter::newRows);
    cutter.logged(batch.logged());
    return cutter.pieces;
  }

  /**
   * Cuts it for the backward of the last layer, where only rows that predict have a gradient on their output; their pieces come
   * first. The parts are the same and in the same order as {@link #cut} makes them.
   */
  static List<Piece> cutLast(
      Ops ops, MemoryScope scope, MicroBatch batch, int maxRows, Kinds kinds) {
    Cutter cutter = new Cutter(ops, scope, maxRows, kinds);
    batch.predicting().forEach(cutter::newRows);
    cutter.finish();
    cutter.hasOutput = false;
    batch.holes().forEach(cutter::newRows);
    cutter.logged(batch.logged());
    return cutter.pieces;
  }

  @Override
  public void close() {
    if (runs != null) {
      runs.close();
    }
  }

  /** Pieces so far, and the one at hand. */
  private static final class Cutter {
    private final Ops ops;
    private final MemoryScope scope;
    private final int maxRows;
    private final Kinds kinds;
    private final List<Piece> pieces = new ArrayList<>();
    private boolean hasOutput = true;
    private final List<MicroBatch.Run> runs = new ArrayList<>();
    private final List<Part> parts = new ArrayList<>();
    private int rows;
    private int newRows;
    private @Nullable Object kind;

    Cutter(Ops ops, MemoryScope scope, int maxRows, Kinds kinds) {
      this.ops = ops;
      this.scope = scope;
      this.maxRows = maxRows;
      this.kinds = kinds;
    }

    void newRows(MicroBatch.Run run) {
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

    void logged(List<MicroBatch.LoggedStretch> stretches) {
      for (int s = 0; s < stretches.size(); s++) {
        MicroBatch.Run run = stretches.get(s).run();
        Object kindOfStretch = kinds.ofStretch.apply(s);
        if (!isShort(run.count()) || rows + run.count() > maxRows || !kindOfStretch.equals(kind)) {
          finish();
        }
        for (int done = 0; done < run.count(); ) {
          int take = Math.min(maxRows, run.count() - done);
          add(run, done, take);
          parts.add(new Part(s, done, take));
          kind = kindOfStretch;
          done += take;
          if (!isShort(run.count())) {
            finish();
          }
        }
      }
      finish();
    }

    private void add(MicroBatch.Run run, int done, int take) {
      runs.add(new MicroBatch.Run(run.firstRow() + done, take, run.from() + done, run.path()));
      rows += take;
    }

    void finish() {
      if (rows > 0) {
        int first = runs.get(0).firstRow();
        RaggedRuns tables = hasOutput ? new RaggedRuns(ops, scope, runs, first) : null;
        RowBlock block = new RowBlock(first, rows, tables == null ? null : tables.batch());
        pieces.add(new Piece(block, newRows, List.copyOf(parts), tables));
      }
      runs.clear();
      parts.clear();
      rows = 0;
      newRows = 0;
      kind = null;
    }
  }
}
