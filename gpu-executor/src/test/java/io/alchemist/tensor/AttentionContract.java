package io.alchemist.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

/** What every back end's attention must do, over ragged batches, scattered pages and shared paths. */
public abstract class AttentionContract {

  /** The back end under test, the same at each call; never closed. */
  protected abstract Ops ops();

  /** A batch whose runs share a prefix of random length, in pages scattered over the pools. */
  private static final class Case {
    final int heads;
    final int groups;
    final int dim;
    final int[] queries;
    final int[][] slots;
    final int[][] keyRows;
    final int rows;
    final int gradientRows;
    final RaggedBatch batch;
    final Tensor q;
    final Tensor keys;
    final Tensor values;

    Case(Device device, int runs, int groups, int ratio, int dim, int pageSize, int longest) {
      this.groups = groups;
      this.heads = groups * ratio;
      this.dim = dim;
      queries = new int[runs];
      slots = new int[runs][];
      keyRows = new int[runs][];
      int shared = device.random.nextInt(longest / 2 + 1);
      int sharedPages = shared / pageSize;
      List<Integer> pages = new ArrayList<>();
      List<Integer> rowsOfPaths = new ArrayList<>();
      int[] layout = new int[runs * RaggedBatch.COLUMNS];
      int firstQuery = 0;
      int nextPage = sharedPages;
      int nextKeyRow = sharedPages * pageSize;
      int poolPages = runs * (longest + pageSize) / pageSize + runs + 3;
      int[] scattered = scattered(poolPages, device);
      int maxPath = 0;
      for (int run = 0; run < runs; run++) {
        int own = 1 + device.random.nextInt(longest / 2 + 1);
        int path = sharedPages * pageSize + own;
        maxPath = Math.max(maxPath, path);
        queries[run] = 1 + device.random.nextInt(own);
        int[] row = {firstQuery, queries[run], path - queries[run], pages.size(), rowsOfPaths.size()
        };
        System.arraycopy(row, 0, layout, run * RaggedBatch.COLUMNS, row.length);
        firstQuery += queries[run];
        slots[run] = new int[path];
        keyRows[run] = new int[path];
        for (int p = 0; p < path; p++) {
          if (p % pageSize == 0) {
            pages.add(scattered[p / pageSize < sharedPages ? p / pageSize : nextPage++]);
          }
          slots[run][p] = pages.get(pages.size() - 1) * pageSize + p % pageSize;
          keyRows[run][p] = p < sharedPages * pageSize ? p : nextKeyRow++;
          rowsOfPaths.add(keyRows[run][p]);
        }
      }
      rows = firstQuery;
      gradientRows = nextKeyRow;
      q = device.normal(rows, heads * dim);
      keys = device.normal(poolPages * pageSize, groups * dim);
      values = device.normal(poolPages * pageSize, groups * dim);
      batch = new RaggedBatch(
          runs,
          rows,
          pageSize,
          maxPath,
          device.intMatrix(runs, RaggedBatch.COLUMNS, layout),
          device.ints(pages.stream().mapToInt(i -> i).toArray()),
          device.ints(rowsOfPaths.stream().mapToInt(i -> i).toArray()));
    }

    private static int[] scattered(int count, Device device) {
      List<Integer> pages = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        pages.add(i);
      }
      java.util.Collections.shuffle(pages, device.random);
      return pages.stream().mapToInt(i -> i).toArray();
    }
  }

  @Property
  void attentionIsItsDefinition(
      @ForAll @IntRange(min = 1, max = 4) int runs,
      @ForAll @IntRange(min = 1, max = 3) int groups,
      @ForAll @IntRange(min = 1, max = 5) int ratio,
      @ForAll @IntRange(min = 1, max = 40) int dim,
      @ForAll @IntRange(min = 1, max = 20) int pageSize,
      @ForAll @IntRange(min = 1, max = 200) int longest,
      @ForAll long seed) {
    try (Device device = new Device(ops(), seed)) {
      Case c = new Case(device, runs, groups, ratio, dim, pageSize, longest);
      Tensor out = device.undefined(c.rows, c.heads * dim);
      Tensor logSumExp = device.undefined(c.rows, c.heads);
      ops().attention(c.q, c.keys, c.values, c.batch, dim, out, logSumExp);
      double[] sums = new double[c.rows * c.heads];
      double[] expected = Reference.attention(
          device.read(c.q),
          device.read(c.keys),
          device.read(c.values),
          c.slots,
          c.queries,
          c.heads,
          groups,
          dim,
          sums);
      OpsContract.assertClose(device.read(out), expected);
      OpsContract.assertClose(device.read(logSumExp), sums);
    }
  }

  @Property(tries = 25)
  void attentionGradientIsThatOfFiniteDifferences(
      @ForAll @IntRange(min = 1, max = 3) int runs,
      @ForAll @IntRange(min = 1, max = 2) int groups,
      @ForAll @IntRange(min = 1, max = 3) int ratio,
      @ForAll @IntRange(min = 1, max = 6) int dim,
      @ForAll @IntRange(min = 1, max = 4) int pageSize,
      @ForAll @IntRange(min = 1, max = 9) int longest,
      @ForAll long seed) {
    try (Device device = new Device(ops(), seed)) {
      Case c = new Case(device, runs, groups, ratio, dim, pageSize, longest);
      checkGradient(device, c);
    }
  }

  /** Widths that a back end need not pad, so that it may treat the heads of a query together. */
  @Test
  void attentionGradientOfWholePanels() {
    for (int dim : new int[] {16, 32, 64}) {
      for (int ratio : new int[] {1, 3}) {
        try (Device device = new Device(ops(), 7)) {
          checkGradientOfQueriesOnly(device, new Case(device, 2, 2, ratio, dim, 4, 60));
        }
      }
    }
    try (Device device = new Device(ops(), 8)) {
      checkGradient(device, new Case(device, 2, 1, 2, 32, 4, 6));
    }
  }

  /** More keys than a block holds. */
  @Test
  void attentionGradientOfLongRuns() {
    try (Device device = new Device(ops(), 5)) {
      checkGradientOfQueriesOnly(device, new Case(device, 2, 2, 2, 5, 16, 500));
    }
  }

  /** More queries than a block holds. */
  @Test
  void attentionGradientOfManyQueries() {
    // With this seed one run has 228 queries, times 10 heads, and 144 positions before them.
    try (Device device = new Device(ops(), 11)) {
      checkGradientOfQueriesOnly(device, new Case(device, 2, 1, 10, 5, 16, 500));
    }
  }

  private void checkGradient(Device device, Case c) {
    double[] q = device.read(c.q);
    double[] keys = device.read(c.keys);
    double[] values = device.read(c.values);
    Tensor dOut = device.normal(c.rows, c.heads * c.dim);
    double[] d = device.read(dOut);
    Tensor dKeys = device.normal(c.gradientRows, c.groups * c.dim);
    Tensor dValues = device.normal(c.gradientRows, c.groups * c.dim);
    double[] expectedKeys = device.read(dKeys);
    double[] expectedValues = device.read(dValues);
    Tensor dQ = backward(device, c, dOut, dKeys, dValues);

    OpsContract.assertClose(
        device.read(dQ),
        Reference.gradient(q, v -> Reference.dot(reference(c, v, keys, values), d)));
    double[] ofKeys = Reference.gradient(keys, v -> Reference.dot(reference(c, q, v, values), d));
    double[] ofValues = Reference.gradient(values, v -> Reference.dot(reference(c, q, keys, v), d));
    addAtKeyRows(c, ofKeys, expectedKeys);
    addAtKeyRows(c, ofValues, expectedValues);
    OpsContract.assertClose(device.read(dKeys), expectedKeys);
    OpsContract.assertClose(device.read(dValues), expectedValues);
  }

  /** The sum of all gradients of keys is checked along one random direction, as each alone would take too long. */
  private void checkGradientOfQueriesOnly(Device device, Case c) {
    double[] q = device.read(c.q);
    double[] keys = device.read(c.keys);
    double[] values = device.read(c.values);
    Tensor dOut = device.normal(c.rows, c.heads * c.dim);
    double[] d = device.read(dOut);
    Tensor dKeys = device.zeros(c.gradientRows, c.groups * c.dim);
    Tensor dValues = device.zeros(c.gradientRows, c.groups * c.dim);
    Tensor dQ = backward(device, c, dOut, dKeys, dValues);
    double[] alongQ = device.read(device.normal(1, q.length));
    double[] alongKeys = device.read(device.normal(1, keys.length));
    double[] alongValues = device.read(device.normal(1, values.length));
    double[] slope = Reference.gradient(
        new double[] {0},
        v -> Reference.dot(
            reference(
                c,
                Reference.sum(v[0], alongQ, 1, q),
                Reference.sum(v[0], alongKeys, 1, keys),
                Reference.sum(v[0], alongValues, 1, values)),
            d));
    double[] ofKeys = new double[c.gradientRows * c.groups * c.dim];
    double[] ofValues = new double[ofKeys.length];
    double actual = Reference.dot(device.read(dQ), alongQ);
    // Each row of the gradients belongs to one slot.
    copyToKeyRows(c, alongKeys, ofKeys);
    copyToKeyRows(c, alongValues, ofValues);
    actual += Reference.dot(device.read(dKeys), ofKeys);
    actual += Reference.dot(device.read(dValues), ofValues);
    OpsContract.assertClose(new double[] {actual}, slope);
  }

  private Tensor backward(Device device, Case c, Tensor dOut, Tensor dKeys, Tensor dValues) {
    Tensor out = device.undefined(c.rows, c.heads * c.dim);
    Tensor logSumExp = device.undefined(c.rows, c.heads);
    Tensor dQ = device.undefined(c.rows, c.heads * c.dim);
    ops().attention(c.q, c.keys, c.values, c.batch, c.dim, out, logSumExp);
    ops()
        .attentionGradient(
            c.q, c.keys, c.values, c.batch, c.dim, out, logSumExp, dOut, dQ, dKeys, dValues);
    return dQ;
  }

  private static double[] reference(Case c, double[] q, double[] keys, double[] values) {
    return Reference.attention(
        q,
        keys,
        values,
        c.slots,
        c.queries,
        c.heads,
        c.groups,
        c.dim,
        new double[c.rows * c.heads]);
  }

  /** A slot's gradient is that of all paths through it, so it is taken once. */
  private static void addAtKeyRows(Case c, double[] bySlot, double[] byKeyRow) {
    boolean[] taken = new boolean[c.gradientRows];
    int width = c.groups * c.dim;
    for (int run = 0; run < c.slots.length; run++) {
      for (int p = 0; p < c.slots[run].length; p++) {
        int row = c.keyRows[run][p];
        for (int i = 0; i < width && !taken[row]; i++) {
          byKeyRow[row * width + i] += bySlot[c.slots[run][p] * width + i];
        }
        taken[row] = true;
      }
    }
  }

  private static void copyToKeyRows(Case c, double[] bySlot, double[] byKeyRow) {
    addAtKeyRows(c, bySlot, byKeyRow);
  }

  @Property(tries = 15)
  void rowOfAttentionDoesNotDependOnHowAPromptIsCut(
      @ForAll @IntRange(min = 1, max = 300) int length,
      @ForAll @IntRange(min = 1, max = 3) int ratio,
      @ForAll long seed) {
    int groups = 2;
    int dim = 24;
    int pageSize = 16;
    int pages = (length + pageSize - 1) / pageSize;
    try (Device device = new Device(ops(), seed)) {
      int cols = groups * ratio * dim;
      Tensor q = device.normal(length, cols);
      Tensor keys = device.normal(pages * pageSize, groups * dim);
      Tensor values = device.normal(pages * pageSize, groups * dim);
      Tensor whole = device.undefined(length, cols);
      Tensor cut = device.undefined(length, cols);
      Tensor wholeSums = device.undefined(length, groups * ratio);
      Tensor cutSums = device.undefined(length, groups * ratio);
      Tensor order = device.ints(java.util.stream.IntStream.range(0, pages).toArray());
      Tensor none = device.ints();
      ops()
          .attention(
              q,
              keys,
              values,
              new RaggedBatch(
                  1, length, pageSize, length, device.ints(0, length, 0, 0, 0), order, none),
              dim,
              whole,
              wholeSums);
      for (int i = 0; i < length; ) {
        int rows = Math.min(length - i, 1 + device.random.nextInt(90));
        ops()
            .attention(
                q.rows(i, rows),
                keys,
                values,
                new RaggedBatch(
                    1, rows, pageSize, i + rows, device.ints(0, rows, i, 0, 0), order, none),
                dim,
                cut.rows(i, rows),
                cutSums.rows(i, rows));
        i += rows;
      }
      assertThat(ops().read(cut)).containsExactly(ops().read(whole));
      assertThat(ops().read(cutSums)).containsExactly(ops().read(wholeSums));
      assertThat(Arrays.stream(device.read(whole)).allMatch(Double::isFinite)).isTrue();
    }
  }
}
