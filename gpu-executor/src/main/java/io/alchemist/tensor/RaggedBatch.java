package io.alchemist.tensor;

/**
 * Which keys and values each query row of an attention call may see. Query rows are grouped in runs; a run is a piece of
 * one sequence (a chunk of prefill, one decode token, a piece of a training example). Query {@code i} of a run sees the first
 * {@code context + i + 1} positions of the run's path: all before the run, and the run up to itself.
 *
 * <p>Position {@code p} of a path lies in row {@code pages[firstPage + p / pageSize] * pageSize + p % pageSize} of the
 * key and value pools. For backward, the gradients of position {@code p} are row {@code keyRows[firstKeyRow + p]} of dK, dV.
 *
 * @param runs number of runs
 * @param queries query rows of all runs
 * @param pageSize tokens of a page
 * @param maxPath the longest path, in positions
 * @param layout I32 (runs, 5): first query row, queries, context, firstPage, firstKeyRow
 * @param pages I32 (1, n): page tables of all runs, one after the other
 * @param keyRows I32 (1, m): gradient rows of all paths; (1, 0) where backward is not wanted
 */
public record RaggedBatch(
    int runs, int queries, int pageSize, int maxPath, Tensor layout, Tensor pages, Tensor keyRows) {
  /** Columns of {@code layout}. */
  public static final int COLUMNS = 5;

  /** Pairs of a query and a position that it sees, in a run of {@code queries} after {@code context} positions. */
  public static long pairs(long context, long queries) {
    return queries * context + queries * (queries + 1) / 2;
  }
}
