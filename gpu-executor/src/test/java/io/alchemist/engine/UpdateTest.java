package io.alchemist.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.alchemist.metrics.Metrics;
import io.alchemist.serve.SamplingParams;
import io.alchemist.serve.SchedulerConfig;
import io.alchemist.serve.Turn;
import io.alchemist.tensor.DeviceMemoryException;
import io.alchemist.tensor.Ops;
import io.alchemist.tensor.cpu.CpuOps;
import io.alchemist.train.GradientReport;
import io.alchemist.train.NonFiniteGradientException;
import io.alchemist.train.Optimizer;
import io.alchemist.train.OptimizerConfig;
import io.alchemist.train.Reuse;
import io.alchemist.train.Slice;
import io.alchemist.train.TrainerConfig;
import io.alchemist.train.TrainingExample;
import io.alchemist.train.UpdateKind;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.ParameterId;
import io.alchemist.weights.ParameterSet;
import io.alchemist.weights.RandomWeights;
import io.alchemist.weights.RopeConfig;
import io.alchemist.weights.Trainable;
import io.alchemist.weights.WeightSet;
import io.alchemist.weights.WeightSource;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** A step of a model whose embedding table takes two slices to update: norm, update, update, clear. */
class UpdateTest {
  private static final ModelConfig MODEL = new ModelConfig(
      "llama", 20_000, 64, 2, 4, 2, 16, 48, 1e-5f, RopeConfig.plain(10_000), 256, true);
  private static final WeightSource SOURCE = new RandomWeights(MODEL, 1, 8);
  private static final Trainable TRAINABLE = new Trainable.WholeModel();
  private static final OptimizerConfig ADAM = OptimizerConfig.withRate(1e-2f);
  private static final int[] PROMPT = TestEngines.tokens(1, 20);
  private static final String UNDER_WAY =
      "A step is under way, which uses the gradient and changes the values. Wait for its result first.";

  private static Engine engine(Ops ops) {
    return engine(ops, 1);
  }

  private static Engine engine(Ops ops, int keptVersions) {
    LearningConfig learning =
        new LearningConfig(TRAINABLE, ADAM, new TrainerConfig(256, 64 * 2_000, 8));
    EngineConfig config = TestEngines.config(
        learning, TestEngines.roomyCache(), new SchedulerConfig(8, 64, 64), keptVersions);
    return new Engine(config, ops, SOURCE, new Metrics());
  }

  private static Engine engine() {
    return engine(CpuOps.create(2, TestEngines.DEVICE_BYTES));
  }

  private static List<TrainingExample> examples() {
    return List.of(
        TrainingExample.completion("a", PROMPT, TestEngines.tokens(2, 6), TrainingExample.LIVE),
        TrainingExample.completion(
            "b", TestEngines.tokens(3, 9), TestEngines.tokens(4, 5), TrainingExample.LIVE));
  }

  /** Begins a step and, after its first two slices, does something on the engine thread. */
  private static CompletableFuture<TrainingStep> inTheMiddle(
      Engine engine, Consumer<Learner> action) {
    List<CompletableFuture<TrainingStep>> begun = new ArrayList<>();
    Engine.await(engine.inspect(e -> {
      Learner learner = learner(e);
      begun.add(learner.step());
      learner.runSlice();
      learner.runSlice();
      action.accept(learner);
      return true;
    }));
    return begun.get(0);
  }

  private static Learner learner(Engine engine) {
    return Objects.requireNonNull(engine.learner());
  }

  private static Map<ParameterId, float[]> read(WeightSource source) {
    Map<ParameterId, float[]> all = new TreeMap<>();
    for (ParameterId id : ParameterId.ofModel(MODEL)) {
      float[] values = new float[id.rows(MODEL, 0) * id.cols(MODEL, 0)];
      source.read(id.checkpointName(), 0, FloatBuffer.wrap(values));
      all.put(id, values);
    }
    return all;
  }

  private static void assertSame(
      Map<ParameterId, float[]> actual, Map<ParameterId, float[]> expected) {
    expected.forEach(
        (id, values) -> assertThat(actual.get(id)).as(id.toString()).isEqualTo(values));
  }

  private static Map<ParameterId, float[]> trained(Engine engine) {
    return read(Engine.await(engine.trainedModel()));
  }

  private static Turn answer(Engine engine, String id) {
    return TestEngines.answers(engine, id, List.of(PROMPT), 8).get(0);
  }

  private static void assertSameAnswer(Turn turn, Turn expected) {
    assertThat(turn.completion()).isEqualTo(expected.completion());
    assertThat(turn.logProbs()).isEqualTo(expected.logProbs());
  }

  private static String refusal(Callable<?> action) {
    try {
      return "did " + action.call();
    } catch (Exception refused) {
      return String.valueOf(refused.getMessage());
    }
  }

  @Test
  void itEqualsTheUpdateOfAllAtOnceAndServesIt() {
    try (Engine engine = engine();
        Ops ops = CpuOps.create(1, TestEngines.DEVICE_BYTES)) {
      Gradients gradient = Gradients.of(engine, examples(), Reuse.NONE);
      TrainingStep step = Engine.await(engine.train(examples()));
      assertThat(step.version()).isEqualTo(1);

      Map<ParameterId, float[]> expected = new TreeMap<>();
      try (ParameterSet given = ParameterSet.zeros(
              ops, ops.memory(), "gradient", ParameterId.ofModel(MODEL), MODEL, 0);
          Optimizer optimizer = new Optimizer(
              ops, ops.memory(), ADAM, TRAINABLE.initialValues(ops, ops.memory(), SOURCE))) {
        given.forEach((id, tensor) -> ops.upload(gradient.of(id), tensor));
        assertThat(optimizer.step(given, gradient.report().weight()))
            .isEqualTo(step.gradientNorm());
        optimizer.values().forEach((id, tensor) -> expected.put(id, ops.read(tensor)));
      }
      assertSame(trained(engine), expected);
      Gradients.take(engine, gradient.report()).values().values().forEach(left -> assertThat(left)
          .containsOnly(0));

      EngineConfig serving = TestEngines.config(null, TestEngines.roomyCache(), 64);
      WeightSource source = Engine.await(engine.trainedModel());
      try (Engine fresh = TestEngines.start(serving, source)) {
        assertSameAnswer(answer(engine, "trained"), answer(fresh, "fresh"));
      }
    }
  }

  @Test
  void theVersionChangesWithTheLastSlice() {
    try (Engine engine = engine()) {
      Turn before = answer(engine, "before");
      Engine.await(engine.accumulate(examples(), Reuse.NONE));
      List<Slice> slices = new ArrayList<>();
      List<Long> live = new ArrayList<>();
      List<CompletableFuture<TrainingStep>> steps = new ArrayList<>();
      Answer slicing = new Answer(2, () -> {
        Learner learner = learner(engine);
        steps.add(learner.step());
        while (learner.jobs() > 0) {
          slices.add(learner.nextSlice());
          live.add(engine.store().live().version());
          assertThat(learner.isReady()).isTrue();
          assertThat(learner.nextRows()).isPositive();
          learner.runSlice();
        }
        live.add(engine.store().live().version());
      });
      TestEngines.request(engine, "slicing", PROMPT, 8, SamplingParams.GREEDY, slicing);
      assertSameAnswer(Engine.await(slicing.turn()), before);
      assertThat(slices)
          .containsExactly(UpdateKind.NORM, UpdateKind.UPDATE, UpdateKind.UPDATE, UpdateKind.CLEAR);
      assertThat(live).containsExactly(0L, 0L, 0L, 0L, 1L);
      assertThat(Engine.await(steps.get(0)).version()).isEqualTo(1);
    }
  }

  @Test
  void aRequestInTheMiddleGetsTheOldVersion() {
    try (Engine engine = engine()) {
      Turn before = answer(engine, "before");
      Engine.await(engine.accumulate(examples(), Reuse.NONE));
      CompletableFuture<Answer> middle = new CompletableFuture<>();
      // Taken on before the next slice, since what was asked for comes first.
      CompletableFuture<TrainingStep> step = inTheMiddle(
          engine,
          learner -> middle.complete(
              TestEngines.request(engine, "middle", PROMPT, 8, SamplingParams.GREEDY)));
      Turn turn = Engine.await(Engine.await(middle).turn());
      assertThat(turn.version()).isZero();
      assertSameAnswer(turn, before);
      assertThat(Engine.await(step).version()).isEqualTo(1);
      assertThat(answer(engine, "after").logProbs()).isNotEqualTo(before.logProbs());
    }
  }

  @Test
  void inTheMiddleChangesAreRefusedAndReadersWait() {
    try (Engine engine = engine()) {
      Engine.await(engine.train(examples()));
      Engine.await(engine.accumulate(examples(), Reuse.NONE));
      List<String> refusals = new ArrayList<>();
      List<CompletableFuture<WeightSource>> read = new ArrayList<>();
      CompletableFuture<TrainingStep> step = inTheMiddle(engine, learner -> {
        refusals.add(refusal(() -> "begin " + learner.step()));
        refusals.add(refusal(learner::takeGradient));
        refusals.add(refusal(() -> {
          learner.rollBack(0);
          return "roll back";
        }));
        read.add(learner.wholeModel());
        assertThat(read.get(0)).isNotDone();
        assertThat(learner.jobs()).isEqualTo(1);
      });
      assertThat(refusals).hasSize(3).containsOnly(UNDER_WAY);
      assertThat(Engine.await(step).step()).isEqualTo(2);
      assertSame(read(Engine.await(read.get(0))), trained(engine));
      Engine.await(engine.rollBack(1));
      assertThat(Engine.await(engine.liveVersion())).isEqualTo(1);
    }
  }

  @Test
  void jobsWaitForTheStepAndHaveNoPartInIt() {
    try (Engine engine = engine()) {
      Gradients alone = Gradients.of(engine, examples(), Reuse.NONE);
      Engine.await(engine.accumulate(examples(), Reuse.NONE));
      List<CompletableFuture<TrainingStep>> later = new ArrayList<>();
      TrainingStep first =
          Engine.await(inTheMiddle(engine, learner -> later.add(learner.train(examples()))));
      assertThat(first.batch().examples()).isEqualTo(2);
      assertThat(first.batch().loss()).isEqualTo(alone.report().loss());
      TrainingStep second = Engine.await(later.get(0));
      assertThat(second.version()).isEqualTo(2);
      assertThat(second.batch().examples()).isEqualTo(2);
      assertThat(second.batch().loss())
          .as("at the new version")
          .isLessThan(first.batch().loss());
    }
  }

  @Test
  void aThirdModelWaitsUntilRequestsAtTheFirstHaveEnded() {
    try (Engine engine = engine(CpuOps.create(2, TestEngines.DEVICE_BYTES), 0)) {
      WeightSet first = Engine.await(engine.inspect(e -> e.store().pinLive()));
      assertThat(Engine.await(engine.train(examples())).version()).isEqualTo(1);
      CompletableFuture<TrainingStep> second = engine.train(examples());
      // Behind the gradient that the step is of.
      HostGradient own = Engine.await(engine.gradient(examples(), Reuse.NONE));
      assertThat(second).as("no room for its version").isNotDone();
      CompletableFuture<GradientReport> next = engine.accumulate(examples(), Reuse.NONE);
      assertThat(answer(engine, "meanwhile").version()).isEqualTo(1);
      assertThat(next).as("would change the sum of the step").isNotDone();
      assertThat(Engine.await(engine.versions())).containsExactly(0L, 1L);

      Engine.await(engine.inspect(e -> {
        e.store().unpin(first);
        return true;
      }));
      TrainingStep step = Engine.await(second);
      assertThat(step.version()).isEqualTo(2);
      assertThat(step.batch().examples()).isEqualTo(2);
      assertThat(Engine.await(next).loss())
          .as("at the new version")
          .isLessThan(own.report().loss());
      assertThat(Engine.await(engine.versions())).containsExactly(2L);
    }
  }

  @Test
  void aGradientThatIsNotFiniteChangesNothing() {
    try (Engine engine = engine()) {
      Map<ParameterId, float[]> before = trained(engine);
      long bytes = Engine.await(engine.status()).deviceBytes();
      float[] weights = new float[20];
      weights[15] = 1e38f;
      weights[16] = 3e38f;
      assertThatThrownBy(() -> Engine.await(engine.train(
              List.of(new TrainingExample("extreme", PROMPT, weights, TrainingExample.LIVE)))))
          .isInstanceOf(NonFiniteGradientException.class);
      assertNothingChanged(engine, before, bytes);
    }
  }

  @Test
  void withoutRoomForANewVersionNothingChanges() {
    FaultyOps faulty = new FaultyOps(TestEngines.DEVICE_BYTES);
    try (Engine engine = engine(faulty.ops())) {
      Map<ParameterId, float[]> before = trained(engine);
      long bytes = Engine.await(engine.status()).deviceBytes();
      Engine.await(engine.accumulate(examples(), Reuse.NONE));
      faulty.fail("weight", 5);
      assertThatThrownBy(() -> Engine.await(engine.step()))
          .isInstanceOf(DeviceMemoryException.class)
          .hasMessage("No room, says the test");
      assertNothingChanged(engine, before, bytes);
    }
  }

  private static void assertNothingChanged(
      Engine engine, Map<ParameterId, float[]> before, long bytes) {
    assertThat(Engine.await(engine.liveVersion())).isZero();
    assertSame(trained(engine), before);
    TestEngines.assertNothingHeld(engine);
    assertThat(Engine.await(engine.status()).deviceBytes()).isEqualTo(bytes);
    assertThatThrownBy(() -> Engine.await(engine.step()))
        .hasMessage("No gradient has been added up since the last step; add examples first.");
    TrainingStep next = Engine.await(engine.train(examples()));
    assertThat(next.step()).isEqualTo(1);
    assertThat(next.gradientNorm()).isFinite();
  }

  @Test
  void afterAFailureBetweenTwoPartsNothingIsLearntUntilTheRollBack() {
    FaultyOps faulty = new FaultyOps(TestEngines.DEVICE_BYTES);
    try (Engine engine = engine(faulty.ops())) {
      Engine.await(engine.train(examples()));
      Map<ParameterId, float[]> good = trained(engine);
      faulty.fail("adamW", 3);
      assertThatThrownBy(() -> Engine.await(engine.train(examples())))
          .isInstanceOf(DeviceMemoryException.class);
      assertThat(Engine.await(engine.liveVersion())).isEqualTo(1);
      String message = "A step has updated a part of the values only."
          + " Wait for its end; if it has failed, roll back.";
      assertThatThrownBy(() -> Engine.await(engine.trainedModel())).hasMessage(message);
      assertThatThrownBy(() -> Engine.await(engine.train(examples()))).hasMessage(message);
      Engine.await(engine.rollBack(1));
      assertSame(trained(engine), good);
      assertThat(Engine.await(engine.train(examples())).version()).isEqualTo(2);
    }
  }

  @Test
  void closeInTheMiddleGivesEverythingBack() {
    Engine engine = engine();
    Engine.await(engine.accumulate(examples(), Reuse.NONE));
    List<CompletableFuture<?>> ends = new ArrayList<>();
    List<Throwable> failures = new ArrayList<>();
    Thread closer = new Thread(engine::close, "closer");
    closer.setUncaughtExceptionHandler((thread, failure) -> failures.add(failure));
    ends.add(inTheMiddle(engine, learner -> {
      ends.add(learner.wholeModel());
      closer.start();
      // Until it waits for this very thread.
      await().until(() -> closer.getState() == Thread.State.WAITING);
    }));
    await().until(() -> !closer.isAlive());
    assertThat(failures).as("what was left").isEmpty();
    assertThatThrownBy(() -> ends.get(1).join())
        .hasRootCauseMessage("The engine was closed before this step was made");
    assertThat(ends.get(0)).as("half updated").isCompletedExceptionally();
  }
}
