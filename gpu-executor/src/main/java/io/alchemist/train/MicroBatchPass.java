package io.alchemist.train;

import io.alchemist.activation.CostModel;
import io.alchemist.activation.CostModel.Amount;
import io.alchemist.activation.CostModel.Work;
import io.alchemist.activation.LoggedReader;
import io.alchemist.activation.LoggedReader.Want;
import io.alchemist.model.Activations;
import io.alchemist.model.Activations.Field;
import io.alchemist.model.BackwardBatch;
import io.alchemist.model.BackwardNeeds;
import io.alchemist.model.CrossEntropy;
import io.alchemist.model.ForwardBatch;
import io.alchemist.model.KeyValues;
import io.alchemist.model.RowBlock;
import io.alchemist.model.SavePlan;
import io.alchemist.model.Transformer;
import io.alchemist.model.Workspace;
import io.alchemist.tensor.DType;
import io.alchemist.tensor.MemoryScope;
import io.alchemist.tensor.Ops;
import io.alchemist.tensor.Tensor;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.ParameterId;
import io.alchemist.weights.ParameterSet;
import io.alchemist.weights.WeightSet;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One micro-batch on its way through the model and back, a layer at a time: forward of the new rows, the loss, backward of all
 * rows. Between two slices the device is free for anything else, for any time. Engine thread.
 */
final class MicroBatchPass implements AutoCloseable {
  /** Loss rows of one slice. */
  private static final int LOSS_ROWS = 128;

  private final Ops ops;
  private final Transformer model;
  private final ModelConfig config;
  private final List<BackwardNeeds> needs;
  private final CostModel costs;
  private final WeightSet weights;
  private final MicroBatch batch;
  private final LoggedReader logged;
  private final @Nullable ParameterSet gradient;
  private final CrossEntropy crossEntropy;
  private final Workspace work;
  private final MemoryScope scope;
  private final List<Runnable> owned = new ArrayList<>();

  private final Tensor ids;
  private final Tensor positions;
  private final Tensor newSlots;
  private final ForwardBatch forward;
  private final ForwardBatch lastForward;
  private final BackwardBatch backward;
  private final BackwardBatch lastBackward;
  /** What is kept of the new rows, by layer. */
  private final List<Activations> recorded = new ArrayList<>();
  /** What of the new rows isn't: passing values in forward, restored ones in backward; the same memory for each layer. */
  private final Activations passing;
  /** What is restored of the logged rows; the same memory for each layer. */
  private final Activations restored;

  private final List<Tensor> newKeys = new ArrayList<>();
  private final List<Tensor> newValues = new ArrayList<>();
  private final Tensor keys;
  private final Tensor values;
  private final Tensor output;
  private final Tensor d;
  private double loss;
  private int slice;

  /**
   * Allocates what the pass needs and starts loading what it reads first.
   *
   * @param needs what backward reads of each layer
   * @param costs is told how long the slices take
   * @param own what is kept of the rows that the pass forwards itself
   * @param logged reads the logged stretches of {@code batch}; closed with the pass
   * @param gradient is added to; null ends the pass with the loss
   */
  MicroBatchPass(
      Ops ops,
      MemoryScope parent,
      Transformer model,
      List<BackwardNeeds> needs,
      CostModel costs,
      SavePlan own,
      WeightSet weights,
      MicroBatch batch,
      LoggedReader logged,
      @Nullable ParameterSet gradient,
      CrossEntropy crossEntropy,
      Workspace work) {
    this.ops = ops;
    this.model = model;
    this.config = model.config();
    this.needs = needs;
    this.costs = costs;
    this.weights = weights;
    this.batch = batch;
    this.logged = logged;
    this.gradient = gradient;
    this.crossEntropy = crossEntropy;
    this.work = work;
    this.scope = parent.child("micro-batch");

    int fresh = batch.newRows();
    int predicting = batch.predictingRows();
    ids = ints("token ids", batch.ids());
    positions = ints("positions", batch.positions());
    int[] identity = new int[fresh];
    for (int i = 0; i < fresh; i++) {
      identity[i] = i;
    }
    newSlots = ints("slots", identity);

    RaggedRuns predictingRuns =
        hold(new RaggedRuns(ops, scope, batch.predicting(), 0), RaggedRuns::close);
    List<MicroBatch.Run> allNew = new ArrayList<>(batch.predicting());
    allNew.addAll(batch.holes());
    RaggedRuns newRuns = hold(new RaggedRuns(ops, scope, allNew, 0), RaggedRuns::close);
    Tensor newPositions = positions.view(0, 1, fresh);
    forward = new ForwardBatch(fresh, fresh, newPositions, newSlots, newRuns.batch());
    lastForward =
        new ForwardBatch(fresh, predicting, newPositions, newSlots, predictingRuns.batch());

    List<RowBlock> blocks = new ArrayList<>();
    List<RowBlock> lastBlocks = new ArrayList<>();
    blocks.add(new RowBlock(0, fresh, newRuns.batch()));
    lastBlocks.add(new RowBlock(0, predicting, predictingRuns.batch()));
    lastBlocks.add(new RowBlock(predicting, fresh - predicting, null));
    for (MicroBatch.LoggedStretch stretch : batch.logged()) {
      MicroBatch.Run run = stretch.run();
      RaggedRuns runs =
          hold(new RaggedRuns(ops, scope, List.of(run), run.firstRow()), RaggedRuns::close);
      blocks.add(new RowBlock(run.firstRow(), run.count(), runs.batch()));
      lastBlocks.add(new RowBlock(run.firstRow(), run.count(), null));
    }
    backward = new BackwardBatch(batch.rows(), batch.rows(), positions, blocks);
    lastBackward = new BackwardBatch(batch.rows(), predicting, positions, lastBlocks);

    for (int layer = 0; layer < config.layers(); layer++) {
      Set<Field> kept =
          gradient == null ? Set.of() : own.fields(needs.get(layer).fields(true));
      recorded.add(hold(Activations.allocate(scope, config, fresh, kept), Activations::close));
      newKeys.add(floats("new keys", fresh, config.kvDim()));
      newValues.add(floats("new values", fresh, config.kvDim()));
    }
    passing =
        hold(Activations.allocate(scope, config, fresh, notKeptEverywhere()), Activations::close);
    restored = hold(
        Activations.allocate(scope, config, batch.rows() - fresh, notLogged()), Activations::close);
    keys = floats("keys", batch.rows(), config.kvDim());
    values = floats("values", batch.rows(), config.kvDim());
    output = floats("output", predicting, config.hiddenSize());
    d = floats("gradient", batch.rows(), config.hiddenSize());
    logged.prefetch(0, Want.KEYS_AND_VALUES);
  }

  private Set<Field> notKeptEverywhere() {
    Set<Field> fields = EnumSet.noneOf(Field.class);
    for (Activations kept : recorded) {
      for (Field field : Field.values()) {
        if (!kept.kept().contains(field)) {
          fields.add(field);
        }
      }
    }
    return fields;
  }

  private Set<Field> notLogged() {
    Set<Field> fields = EnumSet.noneOf(Field.class);
    for (int layer = 0; layer < config.layers() - 1; layer++) {
      for (int stretch = 0; stretch < batch.logged().size(); stretch++) {
        fields.addAll(
            BackwardNeeds.missing(needs.get(layer).fields(true), logged.kept(stretch, layer)));
      }
    }
    return fields;
  }

  boolean isDone() {
    return slice == (gradient == null ? 1 : 2) * config.layers() + lossSlices();
  }

  /** The loss is cut, since the vocabulary can make it dearer than a layer. */
  private int lossSlices() {
    return (batch.lossRows().length + LOSS_ROWS - 1) / LOSS_ROWS;
  }

  /** What the next slice does. */
  SliceKind nextSlice() {
    if (slice < config.layers()) {
      return SliceKind.FORWARD;
    }
    return slice < config.layers() + lossSlices() ? SliceKind.LOSS : SliceKind.BACKWARD;
  }

  /** Rows that the next slice computes. */
  int nextRows() {
    return switch (nextSlice()) {
      case PLAN, FORWARD -> batch.newRows();
      case LOSS -> Math.min(LOSS_ROWS, batch.lossRows().length - firstLossRow());
      case BACKWARD -> batch.rows();
    };
  }

  /** Whether the next slice can run without waiting for the host. */
  boolean isReady() {
    return switch (nextSlice()) {
      case PLAN, LOSS -> true;
      case FORWARD -> logged.isReady(slice, Want.KEYS_AND_VALUES);
      case BACKWARD -> logged.isReady(backwardLayer(), Want.EVERYTHING);
    };
  }

  private int firstLossRow() {
    return (slice - config.layers()) * LOSS_ROWS;
  }

  private int backwardLayer() {
    return 2 * config.layers() + lossSlices() - 1 - slice;
  }

  /** Runs the next slice. */
  void runSlice() {
    switch (nextSlice()) {
      case FORWARD -> forwardLayer(slice);
      case LOSS -> loss(firstLossRow(), nextRows());
      case BACKWARD -> backwardLayer(backwardLayer());
      case PLAN -> throw new IllegalStateException("A pass is planned before it begins");
    }
    slice++;
  }

  private void forwardLayer(int layer) {
    boolean last = layer == config.layers() - 1;
    logged.prefetch(layer + 1, Want.KEYS_AND_VALUES);
    Activations a = recorded.get(layer).or(passing);
    logged.await(layer);
    long start = System.nanoTime();
    if (layer == 0) {
      model.embed(weights, ids.view(0, 1, batch.newRows()), a.x());
    }
    logged.keysAndValues(layer, keys, values);
    Tensor y = last ? output : recorded.get(layer + 1).or(passing).x();
    model.forward(layer, weights, last ? lastForward : forward, a, rowsOfThisPass(), y, work);
    ops.copy(keys.rows(0, batch.newRows()), newKeys.get(layer));
    ops.copy(values.rows(0, batch.newRows()), newValues.get(layer));
    costs.observe(Work.FORWARD, batch.forward(last), System.nanoTime() - start);
    if (last && gradient != null) {
      logged.prefetch(layer, Want.EVERYTHING);
    }
  }

  /** The loss of {@code rows} loss rows and, where it is wanted, its gradient for the output of the last layer. */
  private void loss(int first, int rows) {
    int hidden = config.hiddenSize();
    long start = System.nanoTime();
    float[] weightOf = Arrays.copyOfRange(batch.lossWeights(), first, first + rows);
    try (Tensor lossRows =
            ints("loss rows", Arrays.copyOfRange(batch.lossRows(), first, first + rows));
        Tensor targets = ints("targets", Arrays.copyOfRange(batch.targets(), first, first + rows));
        Tensor lossWeights = scope.allocate("loss weights", DType.F32, 1, rows);
        Tensor nll = scope.allocate("losses", DType.F32, 1, rows);
        Tensor x = scope.allocate("output of loss rows", DType.F32, rows, hidden);
        Tensor h = scope.allocate("normed output", DType.F32, rows, hidden)) {
      ops.upload(weightOf, lossWeights);
      ops.gatherRows(output, lossRows, x);
      model.finalNorm(weights, x, h);
      if (gradient == null) {
        crossEntropy.loss(h, weights.head(), targets, nll);
      } else {
        if (first == 0) {
          ops.fill(d, 0);
        }
        lossGradient(gradient, lossRows, targets, lossWeights, nll, x, h);
      }
      float[] losses = ops.read(nll);
      for (int i = 0; i < rows; i++) {
        loss += (double) losses[i] * weightOf[i];
      }
    }
    if (gradient != null) {
      costs.observe(Work.LOSS, new Amount(rows, 0, 0), System.nanoTime() - start);
    }
  }

  private void lossGradient(
      ParameterSet into,
      Tensor lossRows,
      Tensor targets,
      Tensor lossWeights,
      Tensor nll,
      Tensor x,
      Tensor h) {
    try (Tensor dh = scope.allocate("gradient of normed output", DType.F32, h.rows(), h.cols());
        Tensor dx = scope.allocate("gradient of loss rows", DType.F32, h.rows(), h.cols())) {
      ParameterId head = config.tiedEmbeddings() ? ParameterId.EMBEDDING : ParameterId.HEAD;
      crossEntropy.lossAndGradient(h, weights.head(), targets, lossWeights, nll, dh, into, head);
      ops.fill(dx, 0);
      model.finalNormBackward(weights, x, dh, dx, into);
      ops.scatterRows(dx, lossRows, d);
    }
  }

  private void backwardLayer(int layer) {
    ParameterSet into =
        Objects.requireNonNull(gradient, "a pass for the loss alone goes no way back");
    boolean last = layer == config.layers() - 1;
    logged.prefetch(layer - 1, Want.EVERYTHING);
    logged.await(layer);
    logged.tell(costs);
    long start = System.nanoTime();
    logged.keysAndValues(layer, keys, values);
    ops.copy(newKeys.get(layer), keys.rows(0, batch.newRows()));
    ops.copy(newValues.get(layer), values.rows(0, batch.newRows()));
    long restoring = System.nanoTime();
    List<Activations> saved = restore(layer);
    long saving = System.nanoTime() - restoring;
    BackwardBatch rows = last ? lastBackward : backward;
    model.backward(layer, weights, rows, saved, rowsOfThisPass(), d, into, work);
    if (layer == 0) {
      model.embedBackward(ids, d, into);
    }
    costs.observe(Work.BACKWARD, batch.backward(last), System.nanoTime() - start - saving);
  }

  /** The activations of each block of rows, with what was not kept computed again. */
  private List<Activations> restore(int layer) {
    boolean last = layer == config.layers() - 1;
    List<RowBlock> blocks = (last ? lastBackward : backward).blocks();
    int ownBlocks = last ? 2 : 1;
    List<Activations> kept = new ArrayList<>();
    for (RowBlock block : blocks.subList(0, ownBlocks)) {
      kept.add(recorded.get(layer).rows(block.firstRow(), block.rows()));
    }
    kept.addAll(logged.activations(layer));
    List<Activations> saved = new ArrayList<>();
    Set<Field> needed = needs.get(layer).fields(true);
    for (int i = 0; i < blocks.size(); i++) {
      RowBlock block = blocks.get(i);
      int first = block.firstRow();
      Activations scratch = i < ownBlocks
          ? passing.rows(first, block.rows())
          : restored.rows(first - batch.newRows(), block.rows());
      saved.add(
          block.attention() == null
              ? kept.get(i)
              : model.restore(
                  layer,
                  weights,
                  block,
                  positions.view(first, 1, block.rows()),
                  needed,
                  kept.get(i),
                  scratch,
                  rowsOfThisPass(),
                  work));
    }
    return saved;
  }

  /** Keys and values of the layer at hand: the same memory for each, filled anew. */
  private KeyValues rowsOfThisPass() {
    return new KeyValues() {
      @Override
      public Tensor keys(int layer) {
        return keys;
      }

      @Override
      public Tensor values(int layer) {
        return values;
      }
    };
  }

  /** The weighted sum of the losses, once the loss slice has run. */
  double loss() {
    return loss;
  }

  private Tensor ints(String label, int[] from) {
    Tensor tensor = scope.allocate(label, DType.I32, 1, from.length);
    ops.upload(from, tensor);
    return tensor;
  }

  private Tensor floats(String label, int rows, int cols) {
    return hold(scope.allocate(label, DType.F32, rows, cols), Tensor::close);
  }

  private <T> T hold(T resource, Consumer<T> close) {
    owned.add(() -> close.accept(resource));
    return resource;
  }

  @Override
  public void close() {
    logged.close();
    ids.close();
    positions.close();
    newSlots.close();
    owned.forEach(Runnable::run);
    scope.close();
  }
}
