package io.alchemist.tensor.cpu;

import io.alchemist.tensor.AdamWStep;
import io.alchemist.tensor.CopyQueue;
import io.alchemist.tensor.DType;
import io.alchemist.tensor.Fence;
import io.alchemist.tensor.HostBuffer;
import io.alchemist.tensor.MemoryScope;
import io.alchemist.tensor.Ops;
import io.alchemist.tensor.RaggedBatch;
import io.alchemist.tensor.Sampling;
import io.alchemist.tensor.Tensor;
import io.alchemist.tensor.Weight;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The CPU back end, in float32. Work is done when a call returns, by the calling thread and the pool's; copies run beside it
 * on a thread of their own.
 *
 * <p>This class checks arguments, and so has a method for each verb of the interface (hence its length); the work is in the
 * class of each family: {@link Moves}, {@link Linear}, {@link Attention}, {@link Norm}, {@link Elementwise}, {@link Loss}, {@link Sampler}.
 */
public final class CpuOps implements Ops {
  private static final Logger LOG = LoggerFactory.getLogger(CpuOps.class);

  private final Kernels kernels;
  private final CpuPool pool;
  private final Scratch[] scratch;
  private final CpuAllocator hostMemory;
  private final CpuAllocator deviceMemory;
  private final MemoryScope memory;
  private final CpuCopyQueue copies = new CpuCopyQueue();
  private final Moves moves;
  private final Linear linear;
  private final Norm norm;
  private final Elementwise elementwise;
  private final Loss loss;
  private final Sampler sampler;

  private CpuOps(Kernels kernels, int threads, long memoryLimitBytes) {
    this.kernels = kernels;
    this.pool = new CpuPool(threads);
    this.scratch = new Scratch[threads];
    for (int i = 0; i < threads; i++) {
      scratch[i] = new Scratch();
    }
    this.deviceMemory = new CpuAllocator(memoryLimitBytes);
    this.hostMemory = new CpuAllocator(0);
    this.memory = MemoryScope.root("cpu", memoryLimitBytes, deviceMemory);
    this.moves = new Moves(pool);
    this.linear = new Linear(kernels, pool, scratch);
    this.norm = new Norm(kernels, pool, scratch);
    this.elementwise = new Elementwise(kernels, pool, scratch);
    this.loss = new Loss(kernels, pool, scratch);
    this.sampler = new Sampler(kernels, pool, scratch);
  }

  /**
   * A back end with the fastest loops that this Java runtime allows; if it can't use vectors, one warning says why.
   *
   * @param threads that work on an operation, the calling one included
   * @param memoryLimitBytes of native memory for tensors
   */
  public static CpuOps create(int threads, long memoryLimitBytes) {
    return new CpuOps(fastestKernels(), threads, memoryLimitBytes);
  }

  /** A back end with the plain loops, which any Java runtime can run; products are some 20 times slower. */
  public static CpuOps createPlain(int threads, long memoryLimitBytes) {
    return new CpuOps(new PlainKernels(), threads, memoryLimitBytes);
  }

  private static Kernels fastestKernels() {
    if (ModuleLayer.boot().findModule("jdk.incubator.vector").isEmpty()) {
      LOG.warn(
          "Matrix products run in plain Java, many times slower than this CPU allows: the module"
              + " jdk.incubator.vector is missing. Start Java with --add-modules jdk.incubator.vector");
      return new PlainKernels();
    }
    try {
      // By name: a class that mentions the incubator module can't be loaded without it.
      return Class.forName("io.alchemist.tensor.cpu.VectorKernels")
          .asSubclass(Kernels.class)
          .getDeclaredConstructor()
          .newInstance();
    } catch (ReflectiveOperationException | LinkageError e) {
      LOG.warn(
          "Matrix products run in plain Java: the vectors of this CPU can't be used by"
              + " jdk.incubator.vector (--add-modules jdk.incubator.vector is set)",
          e);
      return new PlainKernels();
    }
  }

  @Override
  public String description() {
    return "CPU, float32, " + kernels.description() + ", " + pool.threads()
        + (pool.threads() == 1 ? " thread" : " threads");
  }

  @Override
  public MemoryScope memory() {
    return memory;
  }

  @Override
  public HostBuffer hostBuffer(long sizeBytes) {
    return new CpuHostBuffer(hostMemory, sizeBytes);
  }

  @Override
  public CopyQueue copies() {
    return copies;
  }

  @Override
  public Fence fence() {
    return CpuCopyQueue.DONE;
  }

  @Override
  public void waitFor(Fence fence) {
    fence.await();
  }

  // ---- moving data

  @Override
  public void upload(int[] from, Tensor to) {
    Checks.type("upload", "to", to, DType.I32);
    checkLength("upload", from.length, to);
    Ints.of(to).store(from);
  }

  @Override
  public void upload(float[] from, Tensor to) {
    Checks.floats("upload", "to", to);
    checkLength("upload", from.length, to);
    Floats.of(to).store(0, from, 0, from.length);
  }

  private static void checkLength(String verb, int length, Tensor to) {
    Checks.that(length == to.elements(), verb, length + " numbers are given for " + to);
  }

  @Override
  public float[] read(Tensor from) {
    Checks.floats("read", "from", from);
    float[] to = new float[elements(from)];
    Floats.of(from).load(0, to, 0, to.length);
    return to;
  }

  @Override
  public int[] readInts(Tensor from) {
    Checks.type("readInts", "from", from, DType.I32);
    return Ints.of(from).load(elements(from));
  }

  @Override
  public void fill(Tensor to, float value) {
    Checks.floats("fill", "to", to);
    elementwise.fill(elements(to), Floats.of(to), value);
  }

  @Override
  public void copy(Tensor from, Tensor to) {
    Checks.type("copy", "to", to, from.type());
    Checks.shape("copy", "to", to, from.rows(), from.cols());
    moves.copy(
        (CpuBlock) from.storage(),
        (int) from.offsetBytes(),
        (CpuBlock) to.storage(),
        (int) to.offsetBytes(),
        (int) from.sizeBytes());
  }

  @Override
  public void scatterRows(Tensor from, Tensor rows, Tensor to) {
    Checks.floats("scatterRows", "from", from);
    Checks.ints("scatterRows", "rows", rows, 1, from.rows());
    Checks.floats("scatterRows", "to", to, to.rows(), from.cols());
    moves.scatter(
        Floats.of(from), Ints.of(rows), from.rows(), from.cols(), Floats.of(to), to.rows());
  }

  @Override
  public void gatherRows(Tensor from, Tensor rows, Tensor to) {
    Checks.floats("gatherRows", "from", from);
    Checks.ints("gatherRows", "rows", rows, 1, to.rows());
    Checks.floats("gatherRows", "to", to, to.rows(), from.cols());
    moves.gather(
        Floats.of(from), from.rows(), Ints.of(rows), to.rows(), from.cols(), Floats.of(to));
  }

  // ---- linear layers

  @Override
  public Weight weight(int outputs, int inputs, MemoryScope scope, String label) {
    return linear.weight(outputs, inputs, scope, label);
  }

  @Override
  public void pack(Tensor matrix, Weight to) {
    Checks.floats("pack", "matrix", matrix, to.outputs(), to.inputs());
    linear.pack(matrix, to);
  }

  @Override
  public void matmul(float alpha, Tensor x, Weight w, float beta, Tensor y) {
    Checks.floats("matmul", "x", x, x.rows(), w.inputs());
    Checks.floats("matmul", "y", y, x.rows(), w.outputs());
    checkBeta("matmul", beta);
    linear.matmul(alpha, x, w, beta, y);
  }

  @Override
  public void matmulInputGradient(float alpha, Tensor dy, Weight w, float beta, Tensor dx) {
    Checks.floats("matmulInputGradient", "dy", dy, dy.rows(), w.outputs());
    Checks.floats("matmulInputGradient", "dx", dx, dy.rows(), w.inputs());
    checkBeta("matmulInputGradient", beta);
    linear.matmulInputGradient(alpha, dy, w, beta, dx);
  }

  private static void checkBeta(String verb, float beta) {
    Checks.that(beta == 0 || beta == 1, verb, "beta is " + beta + " but must be 0 or 1");
  }

  @Override
  public void matmulWeightGradient(float alpha, Tensor dy, Tensor x, Tensor dw) {
    Checks.floats("matmulWeightGradient", "dy", dy);
    Checks.floats("matmulWeightGradient", "x", x, dy.rows(), x.cols());
    Checks.floats("matmulWeightGradient", "dw", dw, dy.cols(), x.cols());
    linear.matmulWeightGradient(alpha, dy, x, dw);
  }

  @Override
  public void embed(Weight table, Tensor ids, Tensor out) {
    Checks.floats("embed", "out", out, out.rows(), table.inputs());
    Checks.ints("embed", "ids", ids, 1, out.rows());
    linear.embed(table, ids, out);
  }

  @Override
  public void embedGradient(Tensor ids, Tensor dOut, Tensor dTable) {
    Checks.floats("embedGradient", "dOut", dOut);
    Checks.ints("embedGradient", "ids", ids, 1, dOut.rows());
    Checks.floats("embedGradient", "dTable", dTable, dTable.rows(), dOut.cols());
    linear.embedGradient(ids, dOut, dTable);
  }

  // ---- the other parts of a layer

  @Override
  public void rmsNorm(Tensor x, Tensor gain, float epsilon, Tensor y) {
    Checks.floats("rmsNorm", "x", x);
    Checks.floats("rmsNorm", "gain", gain, 1, x.cols());
    Checks.floats("rmsNorm", "y", y, x.rows(), x.cols());
    norm.rmsNorm(x.rows(), x.cols(), Floats.of(x), Floats.of(gain), epsilon, Floats.of(y));
  }

  @Override
  public void rmsNormGradient(
      Tensor x, Tensor gain, float epsilon, Tensor dy, Tensor dx, @Nullable Tensor dGain) {
    Checks.floats("rmsNormGradient", "x", x);
    Checks.floats("rmsNormGradient", "gain", gain, 1, x.cols());
    Checks.floats("rmsNormGradient", "dy", dy, x.rows(), x.cols());
    Checks.floats("rmsNormGradient", "dx", dx, x.rows(), x.cols());
    if (dGain != null) {
      Checks.floats("rmsNormGradient", "dGain", dGain, 1, x.cols());
    }
    norm.rmsNormGradient(
        x.rows(),
        x.cols(),
        Floats.of(x),
        Floats.of(gain),
        epsilon,
        Floats.of(dy),
        Floats.of(dx),
        dGain == null ? null : Floats.of(dGain));
  }

  @Override
  public void rope(Tensor x, Tensor positions, Tensor table) {
    turn("rope", x, positions, table, 1);
  }

  @Override
  public void ropeGradient(Tensor dx, Tensor positions, Tensor table) {
    turn("ropeGradient", dx, positions, table, -1);
  }

  private void turn(String verb, Tensor x, Tensor positions, Tensor table, float direction) {
    Checks.floats(verb, "x", x);
    Checks.ints(verb, "positions", positions, 1, x.rows());
    Checks.floats(verb, "table", table);
    int dim = table.cols();
    Checks.that(
        dim > 0 && dim % 2 == 0 && x.cols() % dim == 0,
        verb,
        "x is " + x + ", which is no whole number of heads as wide as the table, " + table
            + "; the width must be even");
    norm.rope(
        x.rows(),
        x.cols(),
        Floats.of(x),
        Ints.of(positions),
        Floats.of(table),
        table.rows(),
        dim,
        direction);
  }

  @Override
  public void attention(
      Tensor q,
      Tensor keys,
      Tensor values,
      RaggedBatch batch,
      int headDim,
      Tensor out,
      Tensor logSumExp) {
    Runs runs = checkAttention("attention", q, keys, values, batch, headDim, out, logSumExp);
    runs.check("attention", keys.rows(), 0, false);
    int heads = q.cols() / headDim;
    int groups = keys.cols() / headDim;
    AttentionTiles tiles = new AttentionTiles(kernels, runs, headDim, heads, groups);
    Attention attention = new Attention(kernels, tiles, runs);
    Floats q0 = Floats.of(q);
    Floats k0 = Floats.of(keys);
    Floats v0 = Floats.of(values);
    Floats out0 = Floats.of(out);
    Floats lse0 = Floats.of(logSumExp);
    int step = tiles.queries(AttentionTiles.ROWS_AT_ONCE);
    int[] firstPiece = new int[runs.count() + 1];
    for (int run = 0; run < runs.count(); run++) {
      firstPiece[run + 1] = firstPiece[run] + (runs.queries(run) + step - 1) / step * groups;
    }
    int pieces = firstPiece[runs.count()];
    pool.run(pieces, (piece, thread) -> {
      // From the end: later blocks of a run see more keys, and the longest pieces should come
      // first.
      int index = pieces - 1 - piece;
      int run = 0;
      while (index >= firstPiece[run + 1]) {
        run++;
      }
      int first = (index - firstPiece[run]) / groups * step;
      int group = (index - firstPiece[run]) % groups;
      int queries = Math.min(step, runs.queries(run) - first);
      attention.run(run, group, first, queries, heads, q0, k0, v0, out0, lse0, scratch[thread]);
    });
  }

  private static Runs checkAttention(
      String verb,
      Tensor q,
      Tensor keys,
      Tensor values,
      RaggedBatch batch,
      int headDim,
      Tensor out,
      Tensor logSumExp) {
    Checks.floats(verb, "q", q);
    Checks.floats(verb, "keys", keys);
    Checks.that(
        headDim > 0
            && q.cols() % headDim == 0
            && keys.cols() > 0
            && keys.cols() % headDim == 0
            && q.cols() % keys.cols() == 0,
        verb,
        "q is " + q + " and keys is " + keys + "; with heads of " + headDim
            + " the query heads must be a multiple of the key heads");
    Checks.floats(verb, "values", values, keys.rows(), keys.cols());
    Checks.floats(verb, "out", out, q.rows(), q.cols());
    Checks.floats(verb, "logSumExp", logSumExp, q.rows(), q.cols() / headDim);
    Checks.ints(verb, "layout", batch.layout(), batch.runs(), RaggedBatch.COLUMNS);
    Checks.ints(verb, "pages", batch.pages(), 1, batch.pages().cols());
    Checks.ints(verb, "keyRows", batch.keyRows(), 1, batch.keyRows().cols());
    Checks.that(
        batch.pageSize() > 0, verb, "pageSize is " + batch.pageSize() + " but must be positive");
    Checks.that(
        batch.queries() == q.rows(),
        verb,
        "q is " + q + " but the batch has " + batch.queries() + " query rows");
    return new Runs(batch);
  }

  @Override
  public void attentionGradient(
      Tensor q,
      Tensor keys,
      Tensor values,
      RaggedBatch batch,
      int headDim,
      Tensor out,
      Tensor logSumExp,
      Tensor dOut,
      Tensor dQ,
      Tensor dKeys,
      Tensor dValues) {
    String verb = "attentionGradient";
    Runs runs = checkAttention(verb, q, keys, values, batch, headDim, out, logSumExp);
    Checks.floats(verb, "dOut", dOut, q.rows(), q.cols());
    Checks.floats(verb, "dQ", dQ, q.rows(), q.cols());
    Checks.floats(verb, "dKeys", dKeys, dKeys.rows(), keys.cols());
    Checks.floats(verb, "dValues", dValues, dKeys.rows(), keys.cols());
    runs.check(verb, keys.rows(), dKeys.rows(), true);
    int heads = q.cols() / headDim;
    int groups = keys.cols() / headDim;
    AttentionTiles tiles = new AttentionTiles(kernels, runs, headDim, heads, groups);
    AttentionGradient gradient = new AttentionGradient(kernels, tiles, runs);
    AttentionGradient.Tensors tensors = new AttentionGradient.Tensors(
        Floats.of(q),
        Floats.of(keys),
        Floats.of(values),
        Floats.of(out),
        Floats.of(logSumExp),
        Floats.of(dOut),
        Floats.of(dQ),
        Floats.of(dKeys),
        Floats.of(dValues));
    int step = tiles.queries(AttentionGradient.ROWS);
    // Runs may share rows of dKeys: one head's sums are one thread's, in order.
    pool.run(groups, (group, thread) -> {
      for (int run = 0; run < runs.count(); run++) {
        for (int first = 0; first < runs.queries(run); first += step) {
          int queries = Math.min(step, runs.queries(run) - first);
          gradient.run(run, group, first, queries, heads, groups, tensors, scratch[thread]);
        }
      }
    });
  }

  @Override
  public void swiGlu(Tensor gate, Tensor up, Tensor out) {
    Checks.floats("swiGlu", "gate", gate);
    Checks.floats("swiGlu", "up", up, gate.rows(), gate.cols());
    Checks.floats("swiGlu", "out", out, gate.rows(), gate.cols());
    elementwise.swiGlu(elements(gate), Floats.of(gate), Floats.of(up), Floats.of(out));
  }

  @Override
  public void swiGluGradient(Tensor gate, Tensor up, Tensor dOut, Tensor dGate, Tensor dUp) {
    Checks.floats("swiGluGradient", "gate", gate);
    Checks.floats("swiGluGradient", "up", up, gate.rows(), gate.cols());
    Checks.floats("swiGluGradient", "dOut", dOut, gate.rows(), gate.cols());
    Checks.floats("swiGluGradient", "dGate", dGate, gate.rows(), gate.cols());
    Checks.floats("swiGluGradient", "dUp", dUp, gate.rows(), gate.cols());
    elementwise.swiGluGradient(
        elements(gate),
        Floats.of(gate),
        Floats.of(up),
        Floats.of(dOut),
        Floats.of(dGate),
        Floats.of(dUp));
  }

  // ---- the loss, over the vocabulary in chunks

  @Override
  public void softmaxStatistics(
      Tensor logits, int firstToken, Tensor targets, Tensor logSumExp, Tensor targetLogit) {
    Checks.floats("softmaxStatistics", "logits", logits);
    Checks.ints("softmaxStatistics", "targets", targets, 1, logits.rows());
    Checks.floats("softmaxStatistics", "logSumExp", logSumExp, 1, logits.rows());
    Checks.floats("softmaxStatistics", "targetLogit", targetLogit, 1, logits.rows());
    loss.statistics(
        logits.rows(),
        logits.cols(),
        Floats.of(logits),
        firstToken,
        Ints.of(targets),
        Floats.of(logSumExp),
        Floats.of(targetLogit));
  }

  @Override
  public void softmaxGradient(
      Tensor logits, int firstToken, Tensor targets, Tensor weights, Tensor logSumExp) {
    Checks.floats("softmaxGradient", "logits", logits);
    Checks.ints("softmaxGradient", "targets", targets, 1, logits.rows());
    Checks.floats("softmaxGradient", "weights", weights, 1, logits.rows());
    Checks.floats("softmaxGradient", "logSumExp", logSumExp, 1, logits.rows());
    loss.gradient(
        logits.rows(),
        logits.cols(),
        Floats.of(logits),
        firstToken,
        Ints.of(targets),
        Floats.of(weights),
        Floats.of(logSumExp));
  }

  // ---- sampling

  @Override
  public void sample(Tensor logits, Sampling[] settings, Tensor ids, Tensor logProbs) {
    Checks.floats("sample", "logits", logits);
    Checks.ints("sample", "ids", ids, 1, logits.rows());
    Checks.floats("sample", "logProbs", logProbs, 1, logits.rows());
    Checks.that(
        settings.length == logits.rows(),
        "sample",
        settings.length + " settings are given for " + logits);
    Checks.that(logits.cols() > 0, "sample", "logits is " + logits + ": no token to draw");
    sampler.sample(
        logits.rows(),
        logits.cols(),
        Floats.of(logits),
        settings,
        Ints.of(ids),
        Floats.of(logProbs));
  }

  @Override
  public void topLogProbs(Tensor logits, Tensor ids, Tensor logProbs) {
    Checks.floats("topLogProbs", "logits", logits);
    Checks.ints("topLogProbs", "ids", ids, logits.rows(), ids.cols());
    Checks.floats("topLogProbs", "logProbs", logProbs, logits.rows(), ids.cols());
    Checks.that(
        ids.cols() <= logits.cols(),
        "topLogProbs",
        "ids is " + ids + ": more tokens than there are in " + logits);
    sampler.topLogProbs(
        logits.rows(),
        logits.cols(),
        ids.cols(),
        Floats.of(logits),
        Ints.of(ids),
        Floats.of(logProbs));
  }

  // ---- training

  @Override
  public void add(float alpha, Tensor x, Tensor y) {
    Checks.floats("add", "x", x);
    Checks.floats("add", "y", y, x.rows(), x.cols());
    elementwise.add(elements(x), alpha, Floats.of(x), Floats.of(y));
  }

  @Override
  public void addSquares(Tensor x, Tensor out) {
    Checks.floats("addSquares", "x", x);
    Checks.floats("addSquares", "out", out, 1, 1);
    Floats sum = Floats.of(out);
    sum.set(0, (float) (sum.at(0) + elementwise.sumOfSquares(elements(x), Floats.of(x))));
  }

  @Override
  public void adamW(
      Tensor parameter, Tensor gradient, Tensor firstMoment, Tensor secondMoment, AdamWStep step) {
    Checks.floats("adamW", "parameter", parameter);
    Checks.floats("adamW", "gradient", gradient, parameter.rows(), parameter.cols());
    Checks.floats("adamW", "firstMoment", firstMoment, parameter.rows(), parameter.cols());
    Checks.floats("adamW", "secondMoment", secondMoment, parameter.rows(), parameter.cols());
    Checks.that(
        step.step() >= 1, "adamW", "step is " + step.step() + " but steps are counted from 1");
    elementwise.adamW(
        elements(parameter),
        Floats.of(parameter),
        Floats.of(gradient),
        Floats.of(firstMoment),
        Floats.of(secondMoment),
        step);
  }

  private static int elements(Tensor tensor) {
    // A block has less than 2 GiB, so its elements can be counted by an int.
    return Math.toIntExact(tensor.elements());
  }

  /** Ends the threads, after the copies that are queued, and the memory's scope. */
  @Override
  public void close() {
    copies.close();
    pool.close();
    try {
      memory.close();
    } finally {
      deviceMemory.giveBackUntil(0);
      hostMemory.giveBackUntil(0);
    }
  }
}
