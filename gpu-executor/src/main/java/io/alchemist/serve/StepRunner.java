package io.alchemist.serve;

import io.alchemist.activation.ActivationRecorder;
import io.alchemist.cache.KvPages;
import io.alchemist.cache.Slab;
import io.alchemist.model.Activations;
import io.alchemist.model.ForwardBatch;
import io.alchemist.model.KeyValues;
import io.alchemist.model.Transformer;
import io.alchemist.model.Workspace;
import io.alchemist.serve.StepPlan.Chunk;
import io.alchemist.tensor.DType;
import io.alchemist.tensor.MemoryScope;
import io.alchemist.tensor.Ops;
import io.alchemist.tensor.RaggedBatch;
import io.alchemist.tensor.Sampling;
import io.alchemist.tensor.Tensor;
import io.alchemist.weights.ModelConfig;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Runs one pass of serving: embeds the rows, goes through the layers, and chooses the next token of each sequence whose last
 * token was among them. All memory but that of recorded activations is allocated once. Engine thread.
 */
final class StepRunner implements AutoCloseable {
  private final Ops ops;
  private final Transformer model;
  private final ModelConfig config;
  private final KvPages kv;
  private final ActivationRecorder recorder;
  private final MemoryScope scope;
  private final Workspace work;
  private final Activations scratch;
  private final List<Tensor> owned = new ArrayList<>();
  private final Tensor ids;
  private final Tensor positions;
  private final Tensor slots;
  private final Tensor layout;
  private final Tensor pageTable;
  private final Tensor noKeyRows;
  private final Tensor output;
  private final Tensor lastRows;
  private final Tensor last;
  private final Tensor normed;
  private final Tensor logits;
  private final Tensor chosen;
  private final Tensor logProbs;

  StepRunner(
      Ops ops,
      MemoryScope parent,
      Transformer model,
      KvPages kv,
      ActivationRecorder recorder,
      SchedulerConfig limits) {
    this.ops = ops;
    this.model = model;
    this.config = model.config();
    this.kv = kv;
    this.recorder = recorder;
    this.scope = parent.child("serving");
    int rows = limits.maxStepTokens();
    int sequences = limits.maxSequences();
    work = new Workspace(scope, "layer", config, rows);
    scratch = Activations.allocate(scope, config, rows);
    ids = ints("token ids", rows);
    positions = ints("positions", rows);
    slots = ints("slots", rows);
    layout = ints("runs", sequences * RaggedBatch.COLUMNS);
    pageTable = ints("page tables", sequences * kv.pagesFor(config.maxPositions()));
    noKeyRows = ints("no key rows", 0);
    output = floats("output", rows, config.hiddenSize());
    lastRows = ints("last rows", sequences);
    last = floats("output of last rows", sequences, config.hiddenSize());
    normed = floats("normed output", sequences, config.hiddenSize());
    logits = floats("logits", sequences, config.vocabSize());
    chosen = ints("chosen tokens", sequences);
    logProbs = floats("log-probabilities", 1, sequences);
  }

  /** A sequence and the token chosen for it; null where the logits were not numbers. */
  record Choice(Sequence sequence, @Nullable SampledToken token) {}

  /** Runs a pass, and notes with each sequence what was computed. Returns when the tokens are chosen. */
  List<Choice> run(StepPlan plan) {
    List<Chunk> chunks = plan.chunks();
    int rows = plan.rows();
    ForwardBatch batch = upload(chunks, rows);
    Slab slab = plan.record() ? recorder.slab(rows, expectedSeconds(chunks)) : null;
    try {
      forward(plan, batch, slab);
      List<Choice> choices = choose(plan);
      int row = 0;
      for (Chunk chunk : chunks) {
        boolean keep = slab != null && chunk.sequence().recording();
        chunk.sequence().advance(chunk.count(), keep ? slab : null, row);
        row += chunk.count();
      }
      return choices;
    } finally {
      if (slab != null) {
        slab.release();
      }
    }
  }

  private static double expectedSeconds(List<Chunk> chunks) {
    return chunks.stream()
        .filter(chunk -> chunk.sequence().recording())
        .mapToDouble(chunk -> chunk.sequence().expectedSeconds(chunk.count()))
        .sum();
  }

  private ForwardBatch upload(List<Chunk> chunks, int rows) {
    int[] rowIds = new int[rows];
    int[] rowPositions = new int[rows];
    int[] rowSlots = new int[rows];
    int[] runs = new int[chunks.size() * RaggedBatch.COLUMNS];
    int pageSize = kv.pageSize();
    int[] pages = new int
        [chunks.stream()
            .mapToInt(c -> kv.pagesFor(c.sequence().computed() + c.count()))
            .sum()];
    int row = 0;
    int firstPage = 0;
    int longest = 0;
    for (int i = 0; i < chunks.size(); i++) {
      Sequence sequence = chunks.get(i).sequence();
      int count = chunks.get(i).count();
      int context = sequence.computed();
      int at = i * RaggedBatch.COLUMNS;
      runs[at] = row;
      runs[at + 1] = count;
      runs[at + 2] = context;
      runs[at + 3] = firstPage;
      for (int p = 0; p < kv.pagesFor(context + count); p++) {
        pages[firstPage++] = sequence.page(p);
      }
      for (int p = context; p < context + count; p++) {
        rowIds[row] = sequence.token(p);
        rowPositions[row] = p;
        rowSlots[row] = sequence.page(p / pageSize) * pageSize + p % pageSize;
        row++;
      }
      longest = Math.max(longest, context + count);
    }
    ops.upload(rowIds, ids.view(0, 1, rows));
    ops.upload(rowPositions, positions.view(0, 1, rows));
    ops.upload(rowSlots, slots.view(0, 1, rows));
    Tensor runTable = layout.view(0, chunks.size(), RaggedBatch.COLUMNS);
    ops.upload(runs, runTable);
    Tensor pageList = pageTable.view(0, 1, firstPage);
    ops.upload(pages, pageList);
    return new ForwardBatch(
        rows,
        rows,
        positions.view(0, 1, rows),
        slots.view(0, 1, rows),
        new RaggedBatch(chunks.size(), rows, pageSize, longest, runTable, pageList, noKeyRows));
  }

  private void forward(StepPlan plan, ForwardBatch batch, @Nullable Slab slab) {
    int rows = batch.rows();
    KeyValues keyValues = new KeyValues() {
      @Override
      public Tensor keys(int layer) {
        return kv.keys(layer);
      }

      @Override
      public Tensor values(int layer) {
        return kv.values(layer);
      }
    };
    Activations a = activations(slab, 0, rows);
    model.embed(plan.weights(), ids.view(0, 1, rows), a.x());
    for (int layer = 0; layer < config.layers(); layer++) {
      boolean isLast = layer == config.layers() - 1;
      Activations next = isLast ? a : activations(slab, layer + 1, rows);
      // Where inputs aren't kept, the next layer's takes the place of this one's, which nobody
      // reads any more by then.
      Tensor y = isLast ? output.rows(0, rows) : next.x();
      model.forward(layer, plan.weights(), batch, a, keyValues, y, work);
      a = next;
    }
  }

  private Activations activations(@Nullable Slab slab, int layer, int rows) {
    Activations passing = scratch.rows(0, rows);
    return slab == null ? passing : ActivationRecorder.layer(slab, layer).or(passing);
  }

  private List<Choice> choose(StepPlan plan) {
    List<Chunk> choosing = plan.chunks().stream().filter(Chunk::choosesToken).toList();
    int count = choosing.size();
    if (count == 0) {
      return List.of();
    }
    int[] rowsOfLast = new int[count];
    Sampling[] settings = new Sampling[count];
    int alternatives = 0;
    int row = 0;
    int i = 0;
    for (Chunk chunk : plan.chunks()) {
      row += chunk.count();
      if (chunk.choosesToken()) {
        rowsOfLast[i] = row - 1;
        settings[i] = chunk.sequence().nextSampling();
        alternatives = Math.max(alternatives, chunk.sequence().request().topLogProbs());
        i++;
      }
    }
    Tensor rowsTensor = lastRows.view(0, 1, count);
    ops.upload(rowsOfLast, rowsTensor);
    Tensor x = last.rows(0, count);
    Tensor h = normed.rows(0, count);
    Tensor z = logits.rows(0, count);
    ops.gatherRows(output, rowsTensor, x);
    model.finalNorm(plan.weights(), x, h);
    model.logits(plan.weights(), h, z);
    Tensor tokens = chosen.view(0, 1, count);
    Tensor probabilities = logProbs.view(0, 1, count);
    ops.sample(z, settings, tokens, probabilities);
    int[] tokenIds = ops.readInts(tokens);
    float[] tokenLogProbs = ops.read(probabilities);
    int[] topIds = new int[0];
    float[] topLogProbs = new float[0];
    if (alternatives > 0) {
      try (Tensor top = scope.allocate("alternatives", DType.I32, count, alternatives);
          Tensor topValues =
              scope.allocate("their log-probabilities", DType.F32, count, alternatives)) {
        ops.topLogProbs(z, top, topValues);
        topIds = ops.readInts(top);
        topLogProbs = ops.read(topValues);
      }
    }
    List<Choice> choices = new ArrayList<>();
    for (i = 0; i < count; i++) {
      Sequence sequence = choosing.get(i).sequence();
      int from = i * alternatives;
      int to = from + sequence.request().topLogProbs();
      choices.add(new Choice(
          sequence,
          tokenIds[i] < 0
              ? null
              : new SampledToken(
                  tokenIds[i],
                  tokenLogProbs[i],
                  Arrays.copyOfRange(topIds, from, to),
                  Arrays.copyOfRange(topLogProbs, from, to))));
    }
    return choices;
  }

  private Tensor ints(String label, int count) {
    Tensor tensor = scope.allocate(label, DType.I32, 1, count);
    owned.add(tensor);
    return tensor;
  }

  private Tensor floats(String label, int rows, int cols) {
    Tensor tensor = scope.allocate(label, DType.F32, rows, cols);
    owned.add(tensor);
    return tensor;
  }

  @Override
  public void close() {
    work.close();
    scratch.close();
    owned.forEach(Tensor::close);
    scope.close();
  }
}
