package io.alchemist.train;

import io.alchemist.activation.LoggedReader;
import io.alchemist.model.RowBlock;
import io.alchemist.tensor.MemoryScope;
import io.alchemist.tensor.Ops;
import java.util.ArrayList;
import java.util.List;

/**
 * Rows that a slice of backward computes: consecutive, of one kind, and few enough for the slice to be short.
 *
 * @param block the rows, with what each of them sees
 * @param stretch which logged stretch they belong to; -1 for rows that the pass forwards itself
 * @param from first of them among the rows of the stretch, or among the new rows
 * @param predicts whether they are forwarded because they predict
 * @param runs owner of the block's tables
 */
record Piece(RowBlock block, int stretch, int from, boolean predicts, RaggedRuns runs)
    implements AutoCloseable {

  /** How a reader of logged stretches knows these rows. */
  LoggedReader.Part part() {
    return new LoggedReader.Part(stretch, from, block.rows());
  }

  /** The same rows in the last layer, where the others have no gradient on their output. */
  RowBlock lastBlock() {
    return predicts ? block : new RowBlock(block.firstRow(), block.rows(), null);
  }

  /** Cuts a micro-batch into pieces of at most {@code maxRows} rows. */
  static List<Piece> cut(Ops ops, MemoryScope scope, MicroBatch batch, int maxRows) {
    List<Piece> pieces = new ArrayList<>();
    for (List<MicroBatch.Run> runs : packed(batch.predicting(), maxRows)) {
      pieces.add(piece(ops, scope, runs, -1, runs.get(0).firstRow(), true));
    }
    for (List<MicroBatch.Run> runs : packed(batch.holes(), maxRows)) {
      pieces.add(piece(ops, scope, runs, -1, runs.get(0).firstRow(), false));
    }
    for (int stretch = 0; stretch < batch.logged().size(); stretch++) {
      MicroBatch.Run whole = batch.logged().get(stretch).run();
      for (List<MicroBatch.Run> runs : packed(List.of(whole), maxRows)) {
        int from = runs.get(0).firstRow() - whole.firstRow();
        pieces.add(piece(ops, scope, runs, stretch, from, false));
      }
    }
    return pieces;
  }

  private static Piece piece(
      Ops ops,
      MemoryScope scope,
      List<MicroBatch.Run> runs,
      int stretch,
      int from,
      boolean predicts) {
    int first = runs.get(0).firstRow();
    int rows = runs.stream().mapToInt(MicroBatch.Run::count).sum();
    RaggedRuns tables = new RaggedRuns(ops, scope, runs, first);
    return new Piece(new RowBlock(first, rows, tables.batch()), stretch, from, predicts, tables);
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
