package io.alchemist.train;

import io.alchemist.tensor.DType;
import io.alchemist.tensor.MemoryScope;
import io.alchemist.tensor.Ops;
import io.alchemist.tensor.RaggedBatch;
import io.alchemist.tensor.Tensor;
import java.util.IdentityHashMap;
import java.util.List;

/**
 * The attention of some runs of a micro-batch. Keys and values lie at the rows of the pass, so its page tables have pages of
 * one token: a path is its list of rows, for keys and for their gradients alike.
 */
final class RaggedRuns implements AutoCloseable {
  private final RaggedBatch batch;

  /**
   * Uploads the tables.
   *
   * @param firstRow query rows count from this row
   */
  RaggedRuns(Ops ops, MemoryScope scope, List<MicroBatch.Run> runs, int firstRow) {
    IdentityHashMap<int[], Integer> firstPages = new IdentityHashMap<>();
    int pages = 0;
    for (MicroBatch.Run run : runs) {
      if (firstPages.putIfAbsent(run.path(), pages) == null) {
        pages += run.path().length;
      }
    }
    int[] table = new int[pages];
    firstPages.forEach((path, first) -> System.arraycopy(path, 0, table, first, path.length));
    int[] layout = new int[runs.size() * RaggedBatch.COLUMNS];
    int queries = 0;
    int longest = 0;
    for (int i = 0; i < runs.size(); i++) {
      MicroBatch.Run run = runs.get(i);
      int first = firstPages.getOrDefault(run.path(), 0);
      int at = i * RaggedBatch.COLUMNS;
      layout[at] = run.firstRow() - firstRow;
      layout[at + 1] = run.count();
      layout[at + 2] = run.from();
      layout[at + 3] = first;
      layout[at + 4] = first;
      queries += run.count();
      longest = Math.max(longest, run.from() + run.count());
    }
    Tensor layoutTensor = scope.allocate("runs", DType.I32, runs.size(), RaggedBatch.COLUMNS);
    ops.upload(layout, layoutTensor);
    Tensor pagesTensor = scope.allocate("paths", DType.I32, 1, pages);
    ops.upload(table, pagesTensor);
    batch =
        new RaggedBatch(runs.size(), queries, 1, longest, layoutTensor, pagesTensor, pagesTensor);
  }

  RaggedBatch batch() {
    return batch;
  }

  @Override
  public void close() {
    batch.layout().close();
    batch.pages().close();
  }
}
