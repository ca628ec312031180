package io.alchemist.tensor.cpu;

import io.alchemist.tensor.RaggedBatch;

/** The host's view of a {@link RaggedBatch}: where the runs, their positions and their gradient rows lie. */
final class Runs {
  private final RaggedBatch batch;
  private final Ints layout;
  private final Ints pages;
  private final Ints keyRows;

  Runs(RaggedBatch batch) {
    this.batch = batch;
    this.layout = Ints.of(batch.layout());
    this.pages = Ints.of(batch.pages());
    this.keyRows = Ints.of(batch.keyRows());
  }

  int count() {
    return batch.runs();
  }

  int firstQuery(int run) {
    return layout.at(run * RaggedBatch.COLUMNS);
  }

  int queries(int run) {
    return layout.at(run * RaggedBatch.COLUMNS + 1);
  }

  int context(int run) {
    return layout.at(run * RaggedBatch.COLUMNS + 2);
  }

  /** The row of the pools where a position of a run's path lies. */
  int slot(int run, int position) {
    int page = pages.at(layout.at(run * RaggedBatch.COLUMNS + 3) + position / batch.pageSize());
    return page * batch.pageSize() + position % batch.pageSize();
  }

  /** The row of the gradients for a position of a run's path. */
  int keyRow(int run, int position) {
    return keyRows.at(layout.at(run * RaggedBatch.COLUMNS + 4) + position);
  }

  /** Refuses a layout that leads outside the tensors. */
  void check(String verb, int slots, int gradientRows, boolean backward) {
    int queries = 0;
    for (int run = 0; run < count(); run++) {
      int path = context(run) + queries(run);
      int firstPage = layout.at(run * RaggedBatch.COLUMNS + 3);
      int pageCount = (path + batch.pageSize() - 1) / batch.pageSize();
      Checks.that(
          firstQuery(run) == queries && queries(run) >= 0 && context(run) >= 0,
          verb,
          "run " + run + " begins at query row " + firstQuery(run) + " with " + queries(run)
              + " queries and " + context(run) + " positions before them; runs follow each other");
      Checks.that(
          path <= batch.maxPath(),
          verb,
          "run " + run + " has a path of " + path + " positions; maxPath is " + batch.maxPath());
      Checks.that(
          firstPage >= 0 && firstPage + pageCount <= batch.pages().cols(),
          verb,
          "run " + run + " needs pages " + firstPage + " to " + (firstPage + pageCount) + " of "
              + batch.pages().cols());
      for (int p = firstPage; p < firstPage + pageCount; p++) {
        int used = Math.min(batch.pageSize(), path - (p - firstPage) * batch.pageSize());
        long end = (long) pages.at(p) * batch.pageSize() + used;
        Checks.that(
            pages.at(p) >= 0 && end <= slots,
            verb,
            "pages holds " + pages.at(p) + ", which ends at slot " + end + " of " + slots);
      }
      if (backward) {
        int first = layout.at(run * RaggedBatch.COLUMNS + 4);
        Checks.that(
            first >= 0 && first + path <= batch.keyRows().cols(),
            verb,
            "run " + run + " needs key rows " + first + " to " + (first + path) + " of "
                + batch.keyRows().cols());
        for (int i = 0; i < path; i++) {
          Checks.index(keyRow(run, i), gradientRows, verb, "keyRows");
        }
      }
      queries += queries(run);
    }
    Checks.that(
        queries == batch.queries(),
        verb,
        "the runs hold " + queries + " query rows; the batch says " + batch.queries());
  }
}
