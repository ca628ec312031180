package io.alchemist.train;

import io.alchemist.activation.LoggedReader.Part;
import io.alchemist.model.RowBlock;
import io.alchemist.tensor.MemoryScope;
import io.alchemist.tensor.Ops;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;

/**
 * Rows that a slice of backward computes: consecutive, of one kind, and few enough for the slice to be short.
 *
 * @param block the rows, with what each of them sees
 * @param parts of logged stretches that they are made of; none for rows that the pass forwards itself
 * @param from first of them among the new rows
 * @param predicts whether they are forwarded because they predict
 * @param runs owner of the block's tables
 */
record Piece(RowBlock block, List<Part> parts, int from, boolean predicts, RaggedRuns runs)
    implements AutoCloseable {
  /** Logged stretches with fewer rows share pieces: each piece has all weights brought from memory, for however few rows. */
  private static final int SHORT_ROWS = 64;

  /** The same rows in the last layer, where the others have no gradient on their output. */
  RowBlock lastBlock() {
    return predicts ? block : new RowBlock(block.firstRow(), block.rows(), null);
  }

  /** Whether it is made of more than one stretch. */
  boolean isJoint() {
    return parts.size() > 1;
  }

  /**
   * Cuts a micro-batch into pieces of at most {@code maxRows} rows.
   *
   * @param kindOf what is kept of a logged stretch, and where; only those of one kind share a piece
   */
  static List<Piece> cut(
      Ops ops, MemoryScope scope, MicroBatch batch, int maxRows, IntFunction<Object> kindOf) {
    List<Piece> pieces = new ArrayList<>();
    for (List<MicroBatch.Run> runs : packed(batch.predicting(), maxRows)) {
      pieces.add(piece(ops, scope, runs, List.of(), runs.get(0).firstRow(), true));
    }
    for (List<MicroBatch.Run> runs : packed(batch.holes(), maxRows)) {
      pieces.add(piece(ops, scope, runs, List.of(), runs.get(0).firstRow(), false));
    }
    List<MicroBatch.LoggedStretch> logged = batch.logged();
    for (int first = 0; first < logged.size(); ) {
      int end = first + 1;
      while (end < logged.size()
          && isShort(logged.get(first).run().count())
          && isShort(logged.get(end).run().count())
          && kindOf.apply(first).equals(kindOf.apply(end))) {
        end++;
      }
      List<MicroBatch.Run> whole =
          logged.subList(first, end).stream().map(MicroBatch.LoggedStretch::run).toList();
      for (List<MicroBatch.Run> runs : packed(whole, maxRows)) {
        pieces.add(piece(ops, scope, runs, parts(whole, first, runs), -1, false));
      }
      first = end;
    }
    return pieces;
  }

  /** Whether a stretch of so many rows shares pieces with others. */
  static boolean isShort(int rows) {
    return rows < SHORT_ROWS;
  }

  /** Which rows of which stretches the runs are. */
  private static List<Part> parts(
      List<MicroBatch.Run> whole, int first, List<MicroBatch.Run> runs) {
    List<Part> parts = new ArrayList<>();
    for (MicroBatch.Run run : runs) {
      for (int i = 0; i < whole.size(); i++) {
        int from = run.firstRow() - whole.get(i).firstRow();
        if (from >= 0 && from < whole.get(i).count()) {
          parts.add(new Part(first + i, from, run.count()));
        }
      }
    }
    return parts;
  }

  private static Piece piece(
      Ops ops,
      MemoryScope scope,
      List<MicroBatch.Run> runs,
      List<Part> parts,
      int from,
      boolean predicts) {
    int first = runs.get(0).firstRow();
    int rows = runs.stream().mapToInt(MicroBatch.Run::count).sum();
    RaggedRuns tables = new RaggedRuns(ops, scope, runs, first);
    return new Piece(new RowBlock(first, rows, tables.batch()), parts, from, predicts, tables);
  }

  /** Runs that follow each other, in lists of up to {@code maxRows} rows; a longer run is cut. */
  private static List<List<MicroBatch.Run>> packed(List<MicroBatch.Run> runs, int maxRows) {
    List<List<MicroBatch.Run>> all = new ArrayList<>();
    List<MicroBatch.Run> current = new ArrayList<>();
    int rows = 0;
    for (MicroBatch.Run run : runs) {
      for (int done = 0; done < run.count(); ) {
        if (rows == maxRows) {
          all.add(current);
          current = new ArrayList<>();
          rows = 0;
        }
        int take = Math.min(maxRows - rows, run.count() - done);
        current.add(new MicroBatch.Run(run.firstRow() + done, take, run.from() + done, run.path()));
        done += take;
        rows += take;
      }
    }
    if (!current.isEmpty()) {
      all.add(current);
    }
    return all;
  }

  @Override
  public void close() {
    runs.close();
  }
}
