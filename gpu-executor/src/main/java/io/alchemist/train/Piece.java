package io.alchemist.train;

import io.alchemist.activation.LoggedReader.Part;
import io.alchemist.model.RowBlock;
import io.alchemist.tensor.MemoryScope;
import io.alchemist.tensor.Ops;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;
import java.util.function.IntPredicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Rows that a slice of backward computes: consecutive, and few enough for the slice to be short. Each piece has all weights
 * brought from memory, for however few rows; so new rows and short logged stretches share pieces, and so do stretches that are
 * loaded from the host, which brings them together.
 *
 * @param block the rows, with what each of them sees
 * @param sources where their activations lie, in order
 * @param runs owner of the block's tables; null where it has none
 */
record Piece(RowBlock block, List<Source> sources, @Nullable RaggedRuns runs)
    implements AutoCloseable {
  /** Logged stretches with fewer rows share pieces in any case. */
  private static final int SHORT_ROWS = 64;
  /** Others with at most this share of a piece's rows: bringing them together costs less than a piece does. */
  private static final int SHORT_SHARE = 4;

  /**
   * Consecutive rows whose activations lie together: all new rows, a part of a logged stretch on the device, or parts that are
   * loaded from the host one behind the other.
   *
   * @param rows how many
   * @param parts of logged stretches; none where the pass forwards the rows itself
   */
  record Source(int rows, List<Part> parts) {
    boolean isNew() {
      return parts.isEmpty();
    }
  }

  /** Whether its rows have to be brought together. */
  boolean isJoint() {
    return sources.size() > 1;
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
   * @param isLoaded whether that is loaded from the host; so it takes nothing to bring it together with others
   */
  record Kinds(Object ofNewRows, IntFunction<Object> ofStretch, IntPredicate isLoaded) {
    /** Where it is not known what there is of the rows. */
    static Kinds alike(IntPredicate isLoaded) {
      return new Kinds("any", stretch -> "any", isLoaded);
    }
  }

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

  /** How many pieces {@link #cut} makes. */
  static int count(MicroBatch batch, boolean last, int maxRows, Kinds kinds) {
    return Cutter.cut(batch, last, maxRows, kinds).size();
  }

  @Override
  public void close() {
    if (runs != null) {
      runs.close();
    }
  }

  /** What will be a piece. */
  private record Cut(List<MicroBatch.Run> runs, List<Source> sources, boolean hasOutput) {
    Piece piece(Ops ops, MemoryScope scope) {
      int first = runs.get(0).firstRow();
      int rows = runs.stream().mapToInt(MicroBatch.Run::count).sum();
      RaggedRuns tables = hasOutput ? new RaggedRuns(ops, scope, runs, first) : null;
      RowBlock block = new RowBlock(first, rows, tables == null ? null : tables.batch());
      return new Piece(block, sources, tables);
    }
  }

  /** What has been cut so far, and the piece at hand. */
  private static final class Cutter {
    private final int maxRows;
    private final Kinds kinds;
    private final List<Cut> cuts = new ArrayList<>();
    private boolean hasOutput = true;
    private final List<MicroBatch.Run> runs = new ArrayList<>();
    private final List<Source> sources = new ArrayList<>();
    private int rows;
    /** Whether a stretch in it is too long to be copied. */
    private boolean isLong;
    /** Whether its last source is loaded. */
    private boolean isLoaded;

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
        add(run, done, take, List.of(), !sources.isEmpty());
        kind = kinds.ofNewRows;
        done += take;
      }
    }

    private void logged(int stretch, MicroBatch.Run run) {
      boolean loaded = kinds.isLoaded.test(stretch);
      Object kindOfStretch = kinds.ofStretch.apply(stretch);
      for (int done = 0; done < run.count(); done += maxRows) {
        int take = Math.min(maxRows, run.count() - done);
        boolean isShort = take < Math.max(SHORT_ROWS, maxRows / SHORT_SHARE);
        boolean onlyLoaded = loaded && isLoaded && sources.size() == 1;
        if (rows + take > maxRows
            || !kindOfStretch.equals(kind)
            || !(onlyLoaded || (isShort && !isLong))) {
          finish();
        }
        add(run, done, take, List.of(new Part(stretch, done, take)), loaded && isLoaded);
        kind = kindOfStretch;
        isLoaded = loaded;
        isLong |= !isShort;
        if (isLong && !loaded) {
          finish();
        }
      }
    }

    /** Adds rows to the piece, and to its last source where they lie behind that. */
    private void add(MicroBatch.Run run, int done, int take, List<Part> parts, boolean behind) {
      runs.add(new MicroBatch.Run(run.firstRow() + done, take, run.from() + done, run.path()));
      rows += take;
      Source source = new Source(take, parts);
      if (behind) {
        Source last = sources.remove(sources.size() - 1);
        source = new Source(
            last.rows + take, Stream.concat(last.parts.stream(), parts.stream()).toList());
      }
      sources.add(source);
    }

    private void finish() {
      if (rows > 0) {
        cuts.add(new Cut(List.copyOf(runs), List.copyOf(sources), hasOutput));
      }
      runs.clear();
      sources.clear();
      rows = 0;
      isLong = false;
      isLoaded = false;
      kind = null;
    }
  }
}
