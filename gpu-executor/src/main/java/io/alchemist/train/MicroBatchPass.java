package io.alchemist.train;

import io.alchemist.activation.CostModel;
import io.alchemist.activation.CostModel.Amount;
import io.alchemist.activation.CostModel.Work;
import io.alchemist.activation.LoggedReader;
import io.alchemist.activation.LoggedReader.Half;
import io.alchemist.activation.LoggedReader.Part;
import io.alchemist.model.Activations;
import io.alchemist.model.Activations.Field;
import io.alchemist.model.AttentionGradients;
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
import io.alchemist.train.Piece.Source;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.ParameterId;
import io.alchemist.weights.Parameters;
import io.alchemist.weights.WeightSet;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * One micro-batch on its way through the model and back: forward of the new rows layer by layer, the loss, backward of all rows
 * layer by layer, of each some rows at a time. Between two slices the device is free for anything else, for any time. Engine
 * thread.
 *
 * <p>Longer than most classes: all three ways use nearly all of the pass's memory.
 */
final class MicroBatchPass implements AutoCloseable {
  /** Loss rows of one slice. */
  static final int LOSS_ROWS = 64;

  private final Ops ops;
  private final Transformer model;
  private final ModelConfig config;
  private final List<BackwardNeeds> needs;
  private final CostModel costs;
  private final WeightSet weights;
  private final MicroBatch batch;
  private final LoggedReader logged;
  private final @Nullable PassGradient gradient;
  private final CrossEntropy crossEntropy;
  private final MemoryScope scope;
  private final Workspace forwardWork;
  private final List<Runnable> owned = new ArrayList<>();

  private final Tensor ids;
  private final Tensor positions;
  private final Tensor newSlots;
  private final ForwardBatch forward;
  private final ForwardBatch lastForward;
  /** Of all layers but the last, whose pieces follow. */
  private final List<Piece> pieces;

  private final List<Piece> lastPieces;
  /** How many of these have a gradient on their output. */
  private final int lastOutputs;
  /** What is kept of the new rows, by layer. */
  private final List<Activations> recorded = new ArrayList<>();
  /** What of the new rows isn't, on its way through forward; the same memory for each layer. */
  private final Activations passing;

  private final List<Tensor> newKeys = new ArrayList<>();
  private final List<Tensor> newValues = new ArrayList<>();
  private final Tensor keys;
  private final Tensor values;
  private final Tensor output;
  private final Tensor d;
  private double loss;
  /** Layers forwarded. */
  private int forwarded;
  /** Loss rows done. */
  private int lossRows;
  /** Backward's layer at hand. */
  private int layer;
  /** Its next step: first each piece with a gradient on its output, then each piece's input. */
  private int step;
  /** Sources of the joint piece at hand that are together. */
  private int joined;
  /** What they have. */
  private Set<Field> jointFields = Set.of();
  /** Made when backward begins. */
  private @Nullable Backward back;

  /** Memory of the way back, and what belongs to its layer at hand. */
  private static final class Backward {
    private final AttentionGradients gradients;
    private final Activations restored;
    /** Rows of a joint piece. */
    private final Activations joint;

    private final Workspace work;
    private long layerNanos;

    Backward(
        AttentionGradients gradients, Activations restored, Activations joint, Workspace work) {
      this.gradients = gradients;
      this.restored = restored;
      this.joint = joint;
      this.work = work;
    }
  }

  /**
   * Allocates what the pass needs and starts loading what it reads first.
   *
   * @param needs what backward reads of each layer
   * @param costs is told how long the slices take
   * @param own what is kept of the rows that the pass forwards itself
   * @param maxRows of a slice of backward
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
      int maxRows,
      LoggedReader logged,
      @Nullable PassGradient gradient,
      CrossEntropy crossEntropy) {
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
    this.scope = parent.child("micro-batch");
    this.forwardWork = new Workspace(scope, "layer forward", config, batch.newRows());
    this.layer = config.layers() - 1;

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

    List<Set<Field>> keptOfNew = new ArrayList<>();
    for (BackwardNeeds need : needs) {
      keptOfNew.add(gradient == null ? Set.of() : own.fields(need.fields(true)));
    }
    Piece.Kinds kinds = new Piece.Kinds(logged.kindOf(keptOfNew), logged::kindOf, logged::isLoaded);
    pieces = gradient == null ? List.of() : Piece.cut(ops, scope, batch, false, maxRows, kinds);
    lastPieces = gradient == null ? List.of() : Piece.cut(ops, scope, batch, true, maxRows, kinds);
    lastOutputs = (int) lastPieces.stream().filter(Piece::hasOutput).count();
    Stream.concat(pieces.stream(), lastPieces.stream()).forEach(piece -> owned.add(piece::close));

    for (Set<Field> kept : keptOfNew) {
      recorded.add(hold(Activations.allocate(scope, config, fresh, kept), Activations::close));
      newKeys.add(floats("new keys", fresh, config.kvDim()));
      newValues.add(floats("new values", fresh, config.kvDim()));
    }
    passing = Activations.allocate(scope, config, fresh, notKept());
    keys = floats("keys", batch.rows(), config.kvDim());
    values = floats("values", batch.rows(), config.kvDim());
    output = floats("output", predicting, config.hiddenSize());
    d = floats("gradient", batch.rows(), config.hiddenSize());
    logged.prefetchKeysAndValues(0);
  }

  /** Fields that some layer doesn't keep. */
  private Set<Field> notKept() {
    Set<Field> fields = EnumSet.noneOf(Field.class);
    for (Activations kept : recorded) {
      for (Field field : Field.values()) {
        if (kept.find(field) == null) {
          fields.add(field);
        }
      }
    }
    return fields;
  }

  boolean isDone() {
    boolean lossDone = forwarded == config.layers() && lossRows == batch.lossRows().length;
    return gradient == null ? lossDone : layer < 0;
  }

  /** What the next slice does. */
  SliceKind nextSlice() {
    if (forwarded < config.layers()) {
      return SliceKind.FORWARD;
    }
    if (lossRows < batch.lossRows().length) {
      return SliceKind.LOSS;
    }
    if (piece().isJoint() && joined < piece().sources().size()) {
      return SliceKind.JOIN;
    }
    return half() == Half.OUTPUT ? SliceKind.BACKWARD : SliceKind.BACKWARD_INPUT;
  }

  private Half half() {
    return step < outputs() ? Half.OUTPUT : Half.INPUT;
  }

  /** Rows that the next slice computes. */
  int nextRows() {
    return switch (nextSlice()) {
      case PLAN, FORWARD -> batch.newRows();
      // The loss is cut, since the vocabulary can make it dearer than a layer.
      case LOSS -> Math.min(LOSS_ROWS, batch.lossRows().length - lossRows);
      case JOIN -> piece().sources().get(joined).rows();
      case BACKWARD, BACKWARD_INPUT -> piece().block().rows();
    };
  }

  /** Whether the next slice can run without waiting for the host. */
  boolean isReady() {
    return switch (nextSlice()) {
      case PLAN, LOSS -> true;
      case FORWARD -> logged.hasKeysAndValues(forwarded);
      case JOIN -> isReady(piece().sources().get(joined));
      case BACKWARD, BACKWARD_INPUT ->
        (step > 0 || logged.hasKeysAndValues(layer))
            && (piece().isJoint() || isReady(piece().sources().get(0)));
    };
  }

  private boolean isReady(Source source) {
    return source.isNew() || logged.isReady(half(), layer, source.parts());
  }

  /** Runs the next slice. */
  void runSlice() {
    switch (nextSlice()) {
      case FORWARD -> {
        forwardLayer(forwarded);
        forwarded++;
      }
      case LOSS -> {
        int rows = nextRows();
        loss(lossRows, rows);
        lossRows += rows;
        if (gradient != null && lossRows == batch.lossRows().length) {
          gradient.outputDone();
        }
      }
      case JOIN -> joinSource();
      case BACKWARD, BACKWARD_INPUT -> backwardStep();
      case PLAN -> throw new IllegalStateException("A pass is planned before it begins");
    }
  }

  private void forwardLayer(int at) {
    boolean last = at == config.layers() - 1;
    Activations a = recorded.get(at).or(passing);
    logged.awaitKeysAndValues(at);
    long start = System.nanoTime();
    if (at == 0) {
      model.embed(weights, ids.view(0, 1, batch.newRows()), a.x());
    }
    logged.keysAndValues(at, keys, values);
    logged.prefetchKeysAndValues(at + 1);
    Tensor y = last ? output : recorded.get(at + 1).or(passing).x();
    model.forward(at, weights, last ? lastForward : forward, a, rowsOfThisPass(), y, forwardWork);
    ops.copy(keys.rows(0, batch.newRows()), newKeys.get(at));
    ops.copy(values.rows(0, batch.newRows()), newValues.get(at));
    costs.observe(Work.FORWARD, batch.forward(last), System.nanoTime() - start);
    if (last) {
      closeForward();
      if (gradient != null) {
        logged.beginBackward(stretches(pieces), stretches(lastPieces));
      }
    }
  }

  /** The parts of logged stretches, as they are read. */
  private static List<List<Part>> stretches(List<Piece> pieces) {
    return pieces.stream()
        .flatMap(piece -> piece.sources().stream())
        .filter(source -> !source.isNew())
        .map(Source::parts)
        .toList();
  }

  private void closeForward() {
    passing.close();
    forwardWork.close();
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
        lossGradient(gradient.ofOutput(), lossRows, targets, lossWeights, nll, x, h);
      }
      float[] losses = ops.read(nll);
      for (int i = 0; i < rows; i++) {
        loss += (double) losses[i] * weightOf[i];
      }
    }
    if (gradient != null) {
      costs.observe(Work.LOSS, new Amount(rows, 0, 0, 1), System.nanoTime() - start);
    }
  }

  private void lossGradient(
      Parameters into,
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

  /** Of the layer at hand. */
  private List<Piece> pieces() {
    return layer == config.layers() - 1 ? lastPieces : pieces;
  }

  /** Pieces of the layer at hand that have a gradient on their output; they come first. */
  private int outputs() {
    return layer == config.layers() - 1 ? lastOutputs : pieces.size();
  }

  private Piece piece() {
    return pieces().get(step < outputs() ? step : step - outputs());
  }

  private void backwardStep() {
    PassGradient sum =
        Objects.requireNonNull(gradient, "a pass for the loss alone goes no way back");
    Backward way = back == null ? beginBackward() : back;
    Half half = half();
    Activations kept = kept(way, half);
    if (step == 0) {
      logged.awaitKeysAndValues(layer);
    }
    long start = System.nanoTime();
    if (step == 0) {
      beginLayer(way);
    }
    long restoring = 0;
    Parameters into = sum.ofLayer(layer);
    if (half == Half.OUTPUT) {
      restoring = backwardOutput(way, kept, into);
    } else {
      backwardInput(way, kept, into);
    }
    if (!piece().isJoint()) {
      release(half, piece().sources().get(0));
    }
    step++;
    joined = 0;
    boolean layerDone =
        step == outputs() + (needs.get(layer).projections() ? pieces().size() : 0);
    if (layerDone) {
      sum.layerDone(layer);
    }
    if (layerDone && layer == 0) {
      model.embedBackward(ids, d, sum.ofEmbeddings());
    }
    // What is restored is not backward's own time.
    way.layerNanos += System.nanoTime() - start - restoring;
    if (layerDone) {
      boolean last = layer == config.layers() - 1;
      costs.observe(Work.BACKWARD, batch.backward(last, pieces().size()), way.layerNanos);
      way.layerNanos = 0;
      layer--;
      step = 0;
    }
  }

  private Backward beginBackward() {
    Set<Field> missing = EnumSet.noneOf(Field.class);
    Set<Field> kept = EnumSet.noneOf(Field.class);
    for (int l = 0; l < config.layers(); l++) {
      Set<Field> needed = needs.get(l).outputFields();
      missing.addAll(BackwardNeeds.missing(needed, recorded.get(l).kept()));
      for (int s = 0; s < batch.logged().size(); s++) {
        kept.addAll(logged.kept(s, l));
        if (l < config.layers() - 1) {
          missing.addAll(BackwardNeeds.missing(needed, logged.kept(s, l)));
        }
      }
    }
    int rows = mostRows(piece -> true);
    int jointRows = mostRows(Piece::isJoint);
    Backward way = new Backward(
        hold(AttentionGradients.allocate(scope, config, batch.rows()), AttentionGradients::close),
        hold(Activations.allocate(scope, config, rows, missing), Activations::close),
        hold(Activations.allocate(scope, config, jointRows, kept), Activations::close),
        hold(new Workspace(scope, "layer backward", config, rows), Workspace::close));
    back = way;
    return way;
  }

  private int mostRows(Predicate<Piece> wanted) {
    return Stream.concat(pieces.stream(), lastPieces.stream())
        .filter(wanted)
        .mapToInt(piece -> piece.block().rows())
        .max()
        .orElse(0);
  }

  private void beginLayer(Backward way) {
    logged.tell(costs);
    logged.keysAndValues(layer, keys, values);
    logged.prefetchKeysAndValues(layer - 1);
    ops.copy(newKeys.get(layer), keys.rows(0, batch.newRows()));
    ops.copy(newValues.get(layer), values.rows(0, batch.newRows()));
    model.beginBackward(way.gradients);
  }

  /** Returns the time that restoring took. */
  private long backwardOutput(Backward way, Activations kept, Parameters into) {
    Piece piece = piece();
    RowBlock block = piece.block();
    long start = System.nanoTime();
    Activations a = model.restore(
        layer,
        weights,
        block,
        positions.view(block.firstRow(), 1, block.rows()),
        needs.get(layer).outputFields(),
        kept,
        way.restored.rows(0, block.rows()),
        rowsOfThisPass(),
        way.work);
    long restoring = System.nanoTime() - start;
    model.backwardOutput(
        layer,
        weights,
        needs.get(layer),
        block,
        a,
        rowsOfThisPass(),
        d.rows(block.firstRow(), block.rows()),
        way.gradients,
        into,
        way.work);
    return restoring;
  }

  private void backwardInput(Backward way, Activations kept, Parameters into) {
    Piece piece = piece();
    RowBlock block = piece.block();
    model.backwardInput(
        layer,
        weights,
        needs.get(layer),
        block,
        positions.view(block.firstRow(), 1, block.rows()),
        kept,
        d.rows(block.firstRow(), block.rows()),
        way.gradients,
        into,
        way.work);
  }

  /** What there is of the activations of the piece at hand, a joint one when it is whole; waits for it. */
  private Activations kept(Backward way, Half half) {
    Piece piece = piece();
    return piece.isJoint()
        ? way.joint.rows(0, piece.block().rows()).only(jointFields)
        : source(half, piece, piece.sources().get(0));
  }

  /** What there is of the rows of one source; waits for it. */
  private Activations source(Half half, Piece piece, Source source) {
    return source.isNew()
        ? recorded.get(layer).rows(piece.block().firstRow(), source.rows())
        : logged.activations(half, layer, source.parts());
  }

  private void release(Half half, Source source) {
    if (!source.isNew()) {
      logged.release(half, layer, source.parts());
    }
  }

  /** Brings the next source of a joint piece to the others. */
  private void joinSource() {
    Backward way = back == null ? beginBackward() : back;
    Half half = half();
    Piece piece = piece();
    Source source = piece.sources().get(joined);
    Activations from = source(half, piece, source);
    long start = System.nanoTime();
    jointFields = logged.fields(half, layer, from.kept());
    int first = piece.sources().stream().limit(joined).mapToInt(Source::rows).sum();
    for (Field field : jointFields) {
      ops.copy(from.get(field), way.joint.get(field).rows(first, source.rows()));
    }
    release(half, source);
    joined++;
    way.layerNanos += System.nanoTime() - start;
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
    if (forwarded < config.layers()) {
      closeForward();
    }
    owned.forEach(Runnable::run);
    scope.close();
  }
}
