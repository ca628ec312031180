package io.alchemist.serve;

import io.alchemist.cache.KvPages;
import io.alchemist.cache.Match;
import io.alchemist.cache.PrefixTree;
import io.alchemist.cache.Prospect;
import io.alchemist.cache.Recorded;
import io.alchemist.cache.Slab;
import io.alchemist.serve.GenerationRequest.Recording;
import io.alchemist.tensor.Sampling;
import io.alchemist.weights.WeightSet;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * A request on its way: its tokens, how many of them have keys and values, and where these are. While it is computed it owns
 * the pages behind the part matched in the prefix tree; whatever it computed goes to the tree in the end. Engine thread.
 */
final class Sequence {
  private final GenerationRequest request;
  private final TokenListener listener;
  private final WeightSet weights;
  private final boolean mayRecord;
  private final long arrivedNanos = System.nanoTime();
  private @Nullable Prospect prospect;
  private int[] tokens;
  private int length;
  private float[] logProbs = new float[16];

  /** Tokens with keys and values. */
  private int computed;
  /** Until as many tokens are computed it is prefill, from then on decode. */
  private int prefillEnd;

  private int[] pages = new int[0];
  private int pageCount;
  private int firstOwnedPage;
  private @Nullable Match match;
  private final List<Recorded> recorded = new ArrayList<>();
  private int cachedTokens = -1;

  /**
   * A request that begins.
   *
   * @param mayRecord whether its activations may be kept, if it is for that itself
   */
  Sequence(
      GenerationRequest request, TokenListener listener, WeightSet weights, boolean mayRecord) {
    this.request = request;
    this.listener = listener;
    this.weights = weights;
    this.mayRecord = mayRecord;
    this.tokens = Arrays.copyOf(
        request.prompt(), request.prompt().length + Math.min(request.maxTokens(), 64));
    this.length = request.prompt().length;
  }

  GenerationRequest request() {
    return request;
  }

  TokenListener listener() {
    return listener;
  }

  WeightSet weights() {
    return weights;
  }

  /** {@link System#nanoTime} when it was taken on. */
  long arrivedNanos() {
    return arrivedNanos;
  }

  /** Says what its activations may be good for. */
  void expect(Prospect of) {
    prospect = of;
  }

  /** Seconds that training can be expected to save by what is computed next. */
  double expectedSeconds(int count) {
    Prospect of = prospect;
    return of == null ? Double.POSITIVE_INFINITY : of.expectedSeconds(computed, count);
  }

  int length() {
    return length;
  }

  int computed() {
    return computed;
  }

  /** Tokens that are to be computed before the next one can be chosen. */
  int pending() {
    return length - computed;
  }

  /** Whether what is computed next is to be recorded. */
  boolean recording() {
    return prefilling() && mayRecord && request.recording() == Recording.KEEP;
  }

  boolean prefilling() {
    return computed < prefillEnd;
  }

  int generated() {
    return length - request.prompt().length;
  }

  int token(int position) {
    return tokens[position];
  }

  int page(int index) {
    return pages[index];
  }

  int pageCount() {
    return pageCount;
  }

  /** Prompt tokens that the tree had when the sequence first began. */
  int cachedTokens() {
    return Math.max(0, cachedTokens);
  }

  /** Begins, or begins again after preemption: what the tree has of its tokens is taken from there. */
  void start(PrefixTree tree) {
    Match found = tree.match(weights.version(), tokens, length - 1);
    match = found;
    pages = Arrays.copyOf(found.pages(), Math.max(8, 2 * found.pages().length));
    pageCount = found.pages().length;
    firstOwnedPage = pageCount;
    computed = found.tokens();
    prefillEnd = length;
    if (cachedTokens < 0) {
      cachedTokens = Math.min(found.tokens(), request.prompt().length);
    }
  }

  /** Pages of its own, which are in no tree yet. */
  int ownedPages() {
    return pageCount - firstOwnedPage;
  }

  /** Pages missing before {@code more} tokens can be computed. */
  int missingPages(int more, int pageSize) {
    return Math.max(0, (computed + more + pageSize - 1) / pageSize - pageCount);
  }

  void addPage(int page) {
    if (pageCount == pages.length) {
      pages = Arrays.copyOf(pages, 2 * pages.length);
    }
    pages[pageCount++] = page;
  }

  /** Notes that {@code count} more tokens have keys and values; their activations too, if there is a slab. */
  void advance(int count, @Nullable Slab slab, int slabRow) {
    if (slab != null) {
      recorded.add(new Recorded(computed, count, slab.retain(), slabRow));
    }
    computed += count;
  }

  /** Gives the activations up that the tree doesn't have yet; what is learnt from them is forwarded again. */
  void forgetRecorded() {
    recorded.forEach(r -> r.slab().release());
    recorded.clear();
  }

  void append(int token, float logProb) {
    if (length == tokens.length) {
      tokens = Arrays.copyOf(tokens, 2 * tokens.length);
    }
    int index = generated();
    if (index == logProbs.length) {
      logProbs = Arrays.copyOf(logProbs, 2 * index);
    }
    logProbs[index] = logProb;
    tokens[length++] = token;
  }

  /** How the next token is drawn: the random number depends on the seed and the token's place only. */
  Sampling nextSampling() {
    SamplingParams params = request.sampling();
    if (params.temperature() == 0) {
      return Sampling.GREEDY;
    }
    float uniform =
        new SplittableRandom(params.seed() + 0x9E3779B97F4A7C15L * generated()).nextInt(1 << 24)
            / (float) (1 << 24);
    return new Sampling(params.temperature(), params.topK(), params.topP(), uniform);
  }

  /** Hands the whole pages of a finished prefill to the tree, so that others can share them from now on. */
  void sharePrefix(PrefixTree tree, KvPages kv) {
    int whole = computed / kv.pageSize() * kv.pageSize();
    int wholePages = whole / kv.pageSize();
    if (wholePages <= firstOwnedPage) {
      return;
    }
    List<Recorded> shared = new ArrayList<>();
    List<Recorded> rest = new ArrayList<>();
    for (Recorded r : recorded) {
      int inside = Math.min(r.count(), whole - r.from());
      if (inside <= 0) {
        rest.add(r);
      } else if (inside == r.count()) {
        shared.add(r);
      } else {
        shared.add(new Recorded(r.from(), inside, r.slab(), r.firstRow()));
        rest.add(new Recorded(
            r.from() + inside, r.count() - inside, r.slab().retain(), r.firstRow() + inside));
      }
    }
    recorded.clear();
    recorded.addAll(rest);
    tree.insert(
        weights.version(),
        tokens,
        whole,
        Arrays.copyOf(pages, wholePages),
        firstOwnedPage,
        shared,
        prospect);
    Match before = match;
    Match now = tree.match(weights.version(), tokens, whole);
    match = now;
    System.arraycopy(now.pages(), 0, pages, 0, wholePages);
    firstOwnedPage = wholePages;
    if (before != null) {
      before.close();
    }
  }

  /** Hands everything computed to the tree and lets go of it; {@link #start} may follow. */
  void release(PrefixTree tree, KvPages kv) {
    if (match == null) {
      return;
    }
    int used = kv.pagesFor(computed);
    tree.insert(
        weights.version(),
        tokens,
        computed,
        Arrays.copyOf(pages, used),
        firstOwnedPage,
        List.copyOf(recorded),
        prospect);
    recorded.clear();
    for (int i = Math.max(used, firstOwnedPage); i < pageCount; i++) {
      kv.free(pages[i]);
    }
    match.close();
    match = null;
    pageCount = 0;
    computed = 0;
  }

  /** Lets go of everything computed since {@link #sharePrefix}: nobody must find what came of numbers gone wrong. */
  void discard(KvPages kv) {
    if (match == null) {
      return;
    }
    forgetRecorded();
    for (int i = firstOwnedPage; i < pageCount; i++) {
      kv.free(pages[i]);
    }
    match.close();
    match = null;
    pageCount = 0;
    computed = 0;
  }

  Turn turn(FinishReason finish) {
    return new Turn(
        request.id(),
        weights.version(),
        request.prompt(),
        Arrays.copyOfRange(tokens, request.prompt().length, length),
        Arrays.copyOf(logProbs, generated()),
        cachedTokens(),
        finish,
        System.currentTimeMillis());
  }
}
