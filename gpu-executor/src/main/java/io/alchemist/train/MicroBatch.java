package io.alchemist.train;

import io.alchemist.activation.CostModel.Amount;
import io.alchemist.cache.Coverage;
import io.alchemist.cache.Covered;
import io.alchemist.cache.Logged;
import io.alchemist.tensor.RaggedBatch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Which rows one backward pass has: the union of its examples' paths through the prefix tree. Stretches that were logged are
 * one row per token however many examples share them, and where the log is looked at so are beginnings that were not logged;
 * all others are rows of their own.
 *
 * <p>Rows are ordered: first those that predict (each example from the last prompt token on), then prompt tokens whose
 * activations are not there ("holes"); these two are <em>new</em>, to be forwarded. Then what was logged: what is on the device,
 * and what is on the host, of each the shorter stretches first.
 *
 * @param examples as given
 * @param rows of all
 * @param newRows how many of them are forwarded, the first
 * @param predictingRows how many of those predict, the first
 * @param ids token of each row
 * @param positions position of each row in its sequence
 * @param predicting a run for each example
 * @param holes a run for each stretch to be forwarded again, shared or not
 * @param logged the logged stretches
 * @param lossRows rows with a weight, each a predicting one
 * @param targets the token that each loss row predicts
 * @param lossWeights the weight of each loss row
 * @param reusedTokens prompt tokens whose forward is reused, counted once per example
 */
@SuppressWarnings("ArrayRecordComponent") // one writer, one reader, never compared
record MicroBatch(
    List<TrainingExample> examples,
    int rows,
    int newRows,
    int predictingRows,
    int[] ids,
    int[] positions,
    List<Run> predicting,
    List<Run> holes,
    List<LoggedStretch> logged,
    int[] lossRows,
    int[] targets,
    float[] lossWeights,
    int reusedTokens) {

  /**
   * Consecutive positions of one path in consecutive rows.
   *
   * @param firstRow of the first position
   * @param count positions
   * @param from the first position: as many come before
   * @param path the row of each position of the path, at least {@code from + count} of them
   */
  @SuppressWarnings("ArrayRecordComponent")
  record Run(int firstRow, int count, int from, int[] path) {}

  /**
   * A run that was logged.
   *
   * @param run rows and path
   * @param logged where the activations are
   * @param slots the K/V row of each position on the device, or null where only the host has them
   */
  @SuppressWarnings("ArrayRecordComponent")
  record LoggedStretch(Run run, Logged logged, int @Nullable [] slots) {}

  /**
   * Lays out the rows.
   *
   * @param coverages what the tree has of each example's prompt; null recomputes all of it, for this example alone
   */
  static MicroBatch plan(List<TrainingExample> examples, List<@Nullable Coverage> coverages) {
    return plan(examples, coverages, run -> true);
  }

  /**
   * Likewise.
   *
   * @param worthReading which logged runs are reused; the others are recomputed
   */
  static MicroBatch plan(
      List<TrainingExample> examples,
      List<@Nullable Coverage> coverages,
      Predicate<Logged> worthReading) {
    List<List<Covered>> runs = new ArrayList<>();
    for (Coverage coverage : coverages) {
      runs.add(loggedRuns(coverage).stream()
          .filter(run -> run.logged() != null && worthReading.test(run.logged()))
          .toList());
    }
    return layOut(examples, coverages, runs);
  }

  private static MicroBatch layOut(
      List<TrainingExample> examples,
      List<@Nullable Coverage> coverages,
      List<List<Covered>> covered) {
    Layout layout = new Layout();
    int[][] paths = new int[examples.size()][];
    List<Run> predicting = new ArrayList<>();
    for (int e = 0; e < examples.size(); e++) {
      TrainingExample example = examples.get(e);
      paths[e] = new int[example.inputLength()];
      int from = example.firstPredicting();
      predicting.add(layout.run(example, paths[e], from, example.inputLength()));
    }
    int predictingRows = layout.rows;

    List<Run> holes = new ArrayList<>();
    for (int e = 0; e < examples.size(); e++) {
      TrainingExample example = examples.get(e);
      boolean shares = e > 0 && coverages.get(e) != null && coverages.get(e - 1) != null;
      for (Hole hole : Hole.of(example, covered.get(e))) {
        int own =
            shares ? hole.sharedEnd(example, examples.get(e - 1), covered.get(e - 1)) : hole.from();
        if (own > hole.from()) {
          System.arraycopy(paths[e - 1], hole.from(), paths[e], hole.from(), own - hole.from());
        }
        if (hole.to() > own) {
          holes.add(layout.run(example, paths[e], own, hole.to()));
        }
      }
    }
    int newRows = layout.rows;

    List<LoggedStretch> logged = layout.logged(examples, covered, paths);
    int reused = covered.stream().flatMap(List::stream).mapToInt(Covered::count).sum();
    return layout.finish(examples, newRows, predictingRows, predicting, holes, logged, reused);
  }

  /** What one layer forward has to do. */
  Amount forward(boolean last) {
    long pairs = pairs(predicting) + (last ? 0 : pairs(holes));
    return last
        ? new Amount(predictingRows, newRows - predictingRows, pairs, 1)
        : new Amount(newRows, 0, pairs, 1);
  }

  /** What the loss has to do. */
  Amount loss() {
    int slice = MicroBatchPass.LOSS_ROWS;
    return new Amount(lossRows.length, 0, 0, (lossRows.length + slice - 1) / slice);
  }

  /** What one layer backward has to do, in so many pieces. */
  Amount backward(boolean last, int pieces) {
    if (last) {
      return new Amount(predictingRows, rows - predictingRows, pairs(predicting), pieces);
    }
    List<Run> reused = logged.stream().map(LoggedStretch::run).toList();
    return new Amount(rows, 0, pairs(predicting) + pairs(holes) + pairs(reused), pieces);
  }

  private static long pairs(List<Run> runs) {
    return runs.stream().mapToLong(r -> RaggedBatch.pairs(r.from, r.count)).sum();
  }

  /** The runs whose activations were logged; none where nothing is reused. */
  static List<Covered> loggedRuns(@Nullable Coverage coverage) {
    if (coverage == null) {
      return List.of();
    }
    return coverage.runs().stream().filter(run -> run.logged() != null).toList();
  }

  /** Prompt tokens that are forwarded again, counted once per example. */
  int recomputedTokens() {
    int prompts = examples.stream().mapToInt(TrainingExample::firstPredicting).sum();
    return prompts - reusedTokens;
  }

  /** Rows handed out so far, and what they hold. */
  private static final class Layout {
    private int rows;
    private int[] ids = new int[256];
    private int[] positions = new int[256];

    /** New rows for positions [from, to) of an example, entered into its path. */
    Run run(TrainingExample example, int[] path, int from, int to) {
      int first = rows;
      for (int p = from; p < to; p++) {
        path[p] = add(example.tokens()[p], p);
      }
      return new Run(first, to - from, from, path);
    }

    private int add(int id, int position) {
      if (rows == ids.length) {
        ids = Arrays.copyOf(ids, 2 * rows);
        positions = Arrays.copyOf(positions, 2 * rows);
      }
      ids[rows] = id;
      positions[rows] = position;
      return rows++;
    }

    /** Rows for what was logged: each stretch once, as long as the longest of the examples that share it needs it. */
    List<LoggedStretch> logged(
        List<TrainingExample> examples, List<List<Covered>> runs, int[][] paths) {
      Map<Stretch, Shown> longest = new HashMap<>();
      for (int e = 0; e < examples.size(); e++) {
        for (Covered covered : runs.get(e)) {
          longest.merge(Stretch.of(covered), new Shown(e, covered), Shown::longer);
        }
      }
      Map<Stretch, Integer> firstRows = new HashMap<>();
      List<LoggedStretch> stretches = new ArrayList<>();
      for (Shown shown : longest.values().stream().sorted(Shown.ORDER).toList()) {
        Covered whole = shown.covered;
        Run run = run(
            examples.get(shown.example),
            paths[shown.example],
            whole.from(),
            whole.from() + whole.count());
        Stretch stretch = Stretch.of(whole);
        firstRows.put(stretch, run.firstRow());
        stretches.add(new LoggedStretch(run, stretch.logged(), whole.slots()));
      }
      for (int e = 0; e < examples.size(); e++) {
        for (Covered covered : runs.get(e)) {
          int first = firstRows.getOrDefault(Stretch.of(covered), -1);
          for (int i = 0; i < covered.count(); i++) {
            paths[e][covered.from() + i] = first + i;
          }
        }
      }
      return stretches;
    }

    /** What an example has of a stretch. */
    private record Shown(int example, Covered covered) {
      /**
       * What is on the device, then what is loaded from the host; of each the shorter first, next to each other and to the new rows.
       * So pieces can join them.
       */
      static final Comparator<Shown> ORDER = Comparator.comparing(
              (Shown shown) -> !shown.covered.onDevice())
          .thenComparingInt(shown -> shown.covered.count())
          .thenComparingInt(Shown::example)
          .thenComparingInt(shown -> shown.covered.from());

      Shown longer(Shown other) {
        return other.covered.count() > covered.count() ? other : this;
      }
    }

    MicroBatch finish(
        List<TrainingExample> examples,
        int newRows,
        int predictingRows,
        List<Run> predicting,
        List<Run> holes,
        List<LoggedStretch> logged,
        int reusedTokens) {
      int[] lossRows = new int[predictingRows];
      int[] targets = new int[predictingRows];
      float[] weights = new float[predictingRows];
      int losses = 0;
      for (int e = 0; e < examples.size(); e++) {
        TrainingExample example = examples.get(e);
        Run run = predicting.get(e);
        for (int i = 0; i < run.count(); i++) {
          int target = run.from() + i + 1;
          if (example.weights()[target] != 0) {
            lossRows[losses] = run.firstRow() + i;
            targets[losses] = example.tokens()[target];
            weights[losses] = example.weights()[target];
            losses++;
          }
        }
      }
      return new MicroBatch(
          examples,
          rows,
          newRows,
          predictingRows,
          Arrays.copyOf(ids, rows),
          Arrays.copyOf(positions, rows),
          predicting,
          holes,
          logged,
          Arrays.copyOf(lossRows, losses),
          Arrays.copyOf(targets, losses),
          Arrays.copyOf(weights, losses),
          reusedTokens);
    }
  }
}
