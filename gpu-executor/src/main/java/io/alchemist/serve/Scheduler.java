package io.alchemist.serve;

import io.alchemist.cache.KvPages;
import io.alchemist.cache.PrefixTree;
import io.alchemist.serve.StepPlan.Chunk;
import io.alchemist.tensor.RaggedBatch;
import io.alchemist.weights.WeightSet;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Decides which tokens of which sequences the next step computes (continuous batching, Yu et al. 2022, OSDI). Running
 * sequences that decode come first, one token each; what is left of the step goes to prefill, in chunks, first come first
 * served. When pages run out, the tree gives up activations and pages that are worth least, then running sequences give up the
 * activations that they have recorded so far, then the youngest sequence is preempted: what it computed stays in the tree as
 * long as there is room, and it starts again from there. Engine thread.
 */
final class Scheduler {
  private final SchedulerConfig config;
  private final KvPages kv;
  private final PrefixTree tree;
  private final Deque<Sequence> waiting = new ArrayDeque<>();
  private final List<Sequence> running = new ArrayList<>();
  private long preemptions;

  Scheduler(SchedulerConfig config, KvPages kv, PrefixTree tree) {
    this.config = config;
    this.kv = kv;
    this.tree = tree;
  }

  /**
   * Queues a sequence.
   *
   * @throws RequestException when too many wait
   */
  void add(Sequence sequence) {
    if (waiting.size() >= config.maxQueued()) {
      throw new RequestException(
          RequestException.Kind.BUSY,
          "queue_full",
          null,
          waiting.size() + " requests wait already, which is the limit. Try again in a moment.");
    }
    waiting.add(sequence);
  }

  boolean isEmpty() {
    return waiting.isEmpty() && running.isEmpty();
  }

  int waiting() {
    return waiting.size();
  }

  Collection<Sequence> running() {
    return Collections.unmodifiableList(running);
  }

  long preemptions() {
    return preemptions;
  }

  /** What is waiting and running, in numbers. */
  Demand demand() {
    int prompts = 0;
    long prefillRows = 0;
    long prefillPairs = 0;
    int firstTokens = 0;
    long oldestNanos = 0;
    int decodeRows = 0;
    long decodePairs = 0;
    for (Collection<Sequence> some : List.of(running, waiting)) {
      for (Sequence sequence : some) {
        if (sequence.generated() == 0) {
          long arrived = sequence.arrivedNanos();
          oldestNanos = firstTokens == 0 || arrived - oldestNanos < 0 ? arrived : oldestNanos;
          firstTokens++;
        }
      }
    }
    for (Sequence sequence : running) {
      long pairs = RaggedBatch.pairs(sequence.computed(), sequence.pending());
      if (sequence.prefilling()) {
        prompts++;
        prefillRows += sequence.pending();
        prefillPairs += pairs;
      } else {
        decodeRows++;
        decodePairs += pairs;
      }
    }
    for (Sequence sequence : waiting) {
      prompts++;
      prefillRows += sequence.pending();
      prefillPairs += RaggedBatch.pairs(0, sequence.pending());
    }
    return new Demand(
        prompts, prefillRows, prefillPairs, firstTokens, oldestNanos, decodeRows, decodePairs);
  }

  /** The passes of the next step, one for each weight version in use, what is recorded apart where that saves memory. */
  List<StepPlan> plan() {
    List<Chunk> chunks = new ArrayList<>();
    int budget = config.maxStepTokens();
    long preemptionsBefore = preemptions;
    for (Sequence sequence : List.copyOf(running)) {
      if (!sequence.prefilling() && running.contains(sequence)) {
        budget -= addChunk(chunks, sequence, 1);
      }
    }
    for (Sequence sequence : List.copyOf(running)) {
      if (sequence.prefilling() && budget > 0 && running.contains(sequence)) {
        budget -= addChunk(chunks, sequence, Math.min(budget, sequence.pending()));
      }
    }
    while (budget > 0
        && preemptions == preemptionsBefore // who was just preempted must not come straight back
        && !waiting.isEmpty()
        && running.size() < config.maxSequences()) {
      Sequence next = waiting.element();
      next.start(tree);
      int missing = next.missingPages(next.pending() + 1, kv.pageSize());
      if (!running.isEmpty() && (missing > pagesToHave() || !makeRoom(missing))) {
        next.release(tree, kv);
        break;
      }
      waiting.remove();
      running.add(next);
      budget -= addChunk(chunks, next, Math.min(budget, next.pending()));
    }
    chunks.removeIf(chunk -> !running.contains(chunk.sequence()));
    return passes(chunks);
  }

  /** Adds a chunk if there are pages for it, or can be; returns its tokens. */
  private int addChunk(List<Chunk> chunks, Sequence sequence, int count) {
    int missing = sequence.missingPages(count, kv.pageSize());
    while (!makeRoom(missing)) {
      Sequence youngest = running.get(running.size() - 1);
      preempt(youngest);
      if (youngest == sequence) {
        return 0;
      }
    }
    for (int i = 0; i < missing; i++) {
      sequence.addPage(kv.allocate());
    }
    chunks.add(new Chunk(sequence, count));
    return count;
  }

  /** Whether so many pages are free, or could be made free. */
  private boolean makeRoom(int pages) {
    if (kv.freePages() < pages && tree.evictPages(pages) < pages) {
      running.forEach(Sequence::forgetRecorded);
    }
    return kv.freePages() >= pages;
  }

  /**
   * At most so many pages could be free with all sequences going on. A prompt that needs more must wait for one to end, and would
   * empty the tree in vain.
   */
  private int pagesToHave() {
    int held = running.stream().mapToInt(Sequence::ownedPages).sum();
    return kv.pageCount() - tree.pinnedPages() - held;
  }

  private void preempt(Sequence sequence) {
    running.remove(sequence);
    sequence.release(tree, kv);
    waiting.addFirst(sequence);
    preemptions++;
  }

  private static List<StepPlan> passes(List<Chunk> chunks) {
    Map<WeightSet, List<Chunk>> byVersion = new LinkedHashMap<>();
    for (Chunk chunk : chunks) {
      byVersion
          .computeIfAbsent(chunk.sequence().weights(), w -> new ArrayList<>())
          .add(chunk);
    }
    List<StepPlan> plans = new ArrayList<>();
    byVersion.forEach((weights, all) -> {
      List<Chunk> recorded = all.stream().filter(c -> c.sequence().recording()).toList();
      List<Chunk> others = all.stream().filter(c -> !c.sequence().recording()).toList();
      if (recorded.isEmpty()) {
        plans.add(new StepPlan(weights, all, false));
      } else if (rows(recorded) >= rows(others)) {
        plans.add(new StepPlan(weights, all, true));
      } else {
        // Most rows of a common slab would be ones that nobody reads again.
        plans.add(new StepPlan(weights, recorded, true));
        plans.add(new StepPlan(weights, others, false));
      }
    });
    return plans;
  }

  private static int rows(List<Chunk> chunks) {
    return chunks.stream().mapToInt(Chunk::count).sum();
  }

  /** Takes a sequence out for good, running or waiting; what it computed goes to the tree. */
  void remove(Sequence sequence) {
    running.remove(sequence);
    waiting.remove(sequence);
    sequence.release(tree, kv);
  }

  /** Takes a sequence out for good; what it computed is thrown away. */
  void discard(Sequence sequence) {
    running.remove(sequence);
    waiting.remove(sequence);
    sequence.discard(kv);
  }
}
