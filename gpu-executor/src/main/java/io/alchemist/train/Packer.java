package io.alchemist.train;

import io.alchemist.cache.Coverage;
import io.alchemist.cache.Covered;
import io.alchemist.cache.PrefixTree;
import io.alchemist.train.PassGradient.Joined;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * Cuts a job's examples into micro-batches: of one version each, within a number of rows, neighbours in token order, so that
 * examples that share a prefix meet in one pass. Engine thread.
 */
final class Packer {
  private final PrefixTree tree;
  private final int maxRows;
  private final Reuse reuse;
  private final ToLongFunction<TrainingExample> versionOf;
  private final Deque<Left> left = new ArrayDeque<>();

  /**
   * Sorts the examples.
   *
   * @param versionOf at which version an example's gradient is taken
   */
  Packer(PrefixTree tree, int maxRows, GradientJob job, ToLongFunction<TrainingExample> versionOf) {
    this.tree = tree;
    this.maxRows = maxRows;
    this.reuse = job.reuse();
    this.versionOf = versionOf;
    List<TrainingExample> sorted = new ArrayList<>(job.examples());
    sorted.sort(Comparator.comparingLong(versionOf)
        .thenComparing(TrainingExample::tokens, Arrays::compare)
        .thenComparing(TrainingExample::id));
    sorted.forEach(example -> left.add(new Left(example, Joined.NOTHING, null)));
  }

  /** An example that waits; what of its gradient is in the sum already, and at which version that was taken if it has begun. */
  private record Left(TrainingExample example, Joined joined, @Nullable Long begunAt) {}

  private long versionOf(Left waiting) {
    Long begunAt = waiting.begunAt;
    return begunAt == null ? versionOf.applyAsLong(waiting.example) : begunAt;
  }

  /**
   * Examples of one pass.
   *
   * @param version at which their gradient is taken
   * @param coverages what the tree has of each, pinned; null where nothing is reused
   * @param joined what of their gradient is in the sum already
   */
  record Pack(
      long version,
      List<TrainingExample> examples,
      List<@Nullable Coverage> coverages,
      Joined joined)
      implements AutoCloseable {
    @Override
    public void close() {
      for (Coverage coverage : coverages) {
        if (coverage != null) {
          coverage.close();
        }
      }
    }
  }

  boolean isEmpty() {
    return left.isEmpty();
  }

  /** The next examples, at least one. */
  Pack next() {
    Joined joined = left.element().joined;
    long version = versionOf(left.element());
    List<TrainingExample> examples = new ArrayList<>();
    List<@Nullable Coverage> coverages = new ArrayList<>();
    Map<Stretch, Integer> shared = new HashMap<>();
    int rows = 0;
    while (!left.isEmpty() && left.element().joined.equals(joined)) {
      TrainingExample example = left.element().example;
      if (versionOf(left.element()) != version) {
        break;
      }
      Coverage coverage = reuse.looksAtLog()
          ? tree.cover(version, example.tokens(), example.firstPredicting())
          : null;
      int more = example.inputLength()
          - sharedTokens(coverage, shared)
          - sharedHoles(example, coverage, examples, coverages);
      if (rows > 0 && rows + more > maxRows) {
        if (coverage != null) {
          coverage.close();
        }
        break;
      }
      left.remove();
      examples.add(example);
      coverages.add(coverage);
      rows += more;
      for (Covered run : MicroBatch.loggedRuns(coverage)) {
        shared.merge(Stretch.of(run), run.count(), Math::max);
      }
    }
    return new Pack(version, examples, coverages, joined);
  }

  /**
   * Puts the examples of a pass that broke off back to the front, to be taken at the same version, which the caller keeps at hand.
   *
   * @param joined what of their gradient is in the sum already
   */
  void again(Pack pack, Joined joined) {
    List<TrainingExample> reversed = new ArrayList<>(pack.examples());
    Collections.reverse(reversed);
    reversed.forEach(example -> left.addFirst(new Left(example, joined, pack.version())));
  }

  /** Tokens that were not logged and have a row of the last of the examples already; see {@link MicroBatch}. */
  private static int sharedHoles(
      TrainingExample example,
      @Nullable Coverage coverage,
      List<TrainingExample> examples,
      List<@Nullable Coverage> coverages) {
    int last = examples.size() - 1;
    if (last < 0 || coverage == null || coverages.get(last) == null) {
      return 0;
    }
    List<Covered> loggedOfLast = MicroBatch.loggedRuns(coverages.get(last));
    return Hole.of(example, MicroBatch.loggedRuns(coverage)).stream()
        .mapToInt(hole -> hole.sharedEnd(example, examples.get(last), loggedOfLast) - hole.from())
        .sum();
  }

  /** Logged tokens that have a row already; a stretch may go on where another example that shares it ended. */
  private static int sharedTokens(@Nullable Coverage coverage, Map<Stretch, Integer> shared) {
    int tokens = 0;
    for (Covered run : MicroBatch.loggedRuns(coverage)) {
      tokens += Math.min(run.count(), shared.getOrDefault(Stretch.of(run), 0));
    }
    return tokens;
  }
}
