package io.alchemist.bench;

import io.alchemist.activation.Retention;
import io.alchemist.activation.RetentionStats;
import io.alchemist.bench.FeedbackReplay.Turn;
import io.alchemist.cache.Coverage;
import io.alchemist.cache.DeviceArena;
import io.alchemist.cache.HostTier;
import io.alchemist.cache.KvPages;
import io.alchemist.cache.Match;
import io.alchemist.cache.PrefixTree;
import io.alchemist.cache.Prospect;
import io.alchemist.cache.Recorded;
import io.alchemist.cache.Slab;
import io.alchemist.tensor.DType;
import io.alchemist.tensor.MemoryScope;
import io.alchemist.tensor.Ops;
import io.alchemist.tensor.Tensor;
import io.alchemist.tensor.cpu.CpuOps;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * How much of the feedback finds its activations when memory is short, by policy: a replay in simulated time, without a model, of
 * the requests and feedback of some hours. The tree, its eviction and {@link Retention} are those of the engine; a token of the tree
 * stands for {@link FeedbackReplay#SCALE} tokens, and its activations are four bytes. Keys and values are never short, as if
 * every activation had its own.
 */
final class RetentionBench {
  private static final double REVALUE_SECONDS = 5;
  private static final double[] MEMORY = {0.05, 0.1, 0.25};
  private static final long VERSION = 1;

  /** Who is kept. */
  enum Policy {
    LEAST_RECENTLY_USED,
    RANDOM,
    RETENTION,
    /** Knows when feedback will come: what is wanted soonest is worth most. What the others are measured by. */
    ORACLE
  }

  private final FeedbackReplay replay;
  private final Consumer<String> out;

  RetentionBench(FeedbackReplay replay, Consumer<String> out) {
    this.replay = replay;
    this.out = out;
  }

  /** All figures by name. */
  Map<String, Object> run() {
    Map<String, Object> figures = new LinkedHashMap<>(replay.describe());
    figures.forEach(
        (name, value) -> out.accept(String.format(Locale.ROOT, "%-32s %s", name, value)));
    List<Map<String, Object>> points = new ArrayList<>();
    out.accept("memory (of an hour)   policy                by request   by prompt token");
    for (double share : MEMORY) {
      for (Policy policy : Policy.values()) {
        Run run = new Run(policy, share);
        points.add(run.run());
        out.accept(String.format(
            Locale.ROOT,
            "%-21s %-21s %10.3f   %15.3f",
            share,
            policy,
            run.requestHitRate(),
            run.tokenHitRate()));
      }
    }
    figures.put("points", points);
    return figures;
  }

  /** One policy with one size of memory. */
  private final class Run {
    private final Policy policy;
    private final double share;
    private final long limitBytes;
    private final SplittableRandom random = new SplittableRandom(7);
    private final PriorityQueue<Turn> feedback =
        new PriorityQueue<>((a, b) -> Double.compare(a.feedbackSeconds(), b.feedbackSeconds()));
    private final Retention retention = new Retention(
        (from, count) -> count * (1 + replay.attentionShare(from, count)), 1, this::nowMillis);
    private double now;
    private long wanted;
    private long found;
    private long wantedTokens;
    private long foundTokens;
    private long refused;

    Run(Policy policy, double share) {
      this.policy = policy;
      this.share = share;
      this.limitBytes = (long) (share * 4 * replay.tokensAnHour());
    }

    private long nowMillis() {
      return (long) (now * 1000);
    }

    Map<String, Object> run() {
      int pages = replay.allTokens();
      try (Ops ops = CpuOps.create(1, 64L * pages + (64 << 20));
          DeviceArena arena = new DeviceArena(ops.memory(), DType.F32, 1, 1, 1, pages, 0);
          MemoryScope slabs = ops.memory().child("activations", limitBytes)) {
        KvPages kv = new KvPages(arena);
        try (PrefixTree tree = new PrefixTree(kv, HostTier.none())) {
          run(tree, kv, slabs);
        }
      }
      return figures();
    }

    private void run(PrefixTree tree, KvPages kv, MemoryScope slabs) {
      double revalued = 0;
      for (Turn turn : replay.turns()) {
        while (!feedback.isEmpty() && feedback.element().feedbackSeconds() <= turn.seconds()) {
          judge(tree, feedback.remove());
        }
        now = turn.seconds();
        if (now - revalued > REVALUE_SECONDS) {
          tree.revalue();
          revalued = now;
        }
        serve(tree, kv, slabs, turn);
        if (turn.isJudged()) {
          feedback.add(turn);
        }
      }
    }

    private void serve(PrefixTree tree, KvPages kv, MemoryScope slabs, Turn turn) {
      Prospect prospect = prospect(turn);
      int[] tokens = turn.prompt();
      try (Match match = tree.match(VERSION, tokens, tokens.length - 1)) {
        int known = match.tokens();
        int[] pages = Arrays.copyOf(match.pages(), tokens.length);
        for (int i = known; i < pages.length; i++) {
          pages[i] = kv.allocate();
        }
        int rows = tokens.length - known;
        Slab slab = slab(
            tree,
            slabs,
            rows,
            prospect == null
                ? Double.POSITIVE_INFINITY
                : prospect.expectedSeconds(known, rows) / (4.0 * rows));
        List<Recorded> recorded =
            slab == null ? List.of() : List.of(new Recorded(known, rows, slab, 0));
        tree.insert(VERSION, tokens, tokens.length, pages, known, recorded, prospect);
      }
    }

    /** As the recorder does it. */
    private @Nullable Slab slab(PrefixTree tree, MemoryScope slabs, int rows, double worth) {
      long most = slabs.limitBytes() - 4L * rows;
      boolean more = most >= 0;
      while (slabs.usedBytes() > most && more) {
        more = tree.evictForActivations(worth);
      }
      if (!more) {
        refused++;
        return null;
      }
      Tensor tensor = slabs.allocate("slab", DType.F32, rows, 1);
      return new Slab(rows, new Tensor[][] {{tensor}}, tensor::close);
    }

    private @Nullable Prospect prospect(Turn turn) {
      double luck = random.nextDouble();
      return switch (policy) {
        case LEAST_RECENTLY_USED -> null;
        case RANDOM -> (from, count) -> luck * count;
        case RETENTION ->
          retention.expect(turn.id(), turn.traits(), turn.prompt().length * FeedbackReplay.SCALE);
        case ORACLE -> (from, count) -> count / (replay.nextFeedback(turn, now) - now);
      };
    }

    /** Feedback comes, and is trained on at once. */
    private void judge(PrefixTree tree, Turn turn) {
      now = turn.feedbackSeconds();
      int length = turn.prompt().length;
      try (Coverage coverage = tree.cover(VERSION, turn.prompt(), length)) {
        if (turn.seconds() >= replay.measuredFrom()) {
          int there = coverage.loggedTokens();
          wanted++;
          found += there == length ? 1 : 0;
          wantedTokens += length;
          foundTokens += there;
        }
      }
      retention.feedback(turn.id());
      retention.trained(turn.id());
    }

    /** Share of the feedback of which the whole prompt was there. */
    double requestHitRate() {
      return (double) found / wanted;
    }

    /** Share of the prompts' tokens that were there. */
    double tokenHitRate() {
      return (double) foundTokens / wantedTokens;
    }

    private Map<String, Object> figures() {
      Map<String, Object> figures = new LinkedHashMap<>();
      figures.put("policy", policy.name().toLowerCase(Locale.ROOT));
      figures.put("memory_share_of_an_hour", share);
      figures.put("feedback_measured", wanted);
      figures.put("hit_rate_requests", requestHitRate());
      figures.put("hit_rate_tokens", tokenHitRate());
      figures.put("requests_not_recorded", refused);
      if (policy == Policy.RETENTION) {
        RetentionStats stats = retention.stats();
        figures.put("expected_feedback", stats.expectedFeedback());
        figures.put("feedback", stats.feedback());
      }
      return figures;
    }
  }
}
