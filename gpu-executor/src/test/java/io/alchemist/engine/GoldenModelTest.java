package io.alchemist.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.alchemist.files.Checkpoint;
import io.alchemist.files.ModelFiles;
import io.alchemist.files.PeftDirectory;
import io.alchemist.metrics.Metrics;
import io.alchemist.serve.SamplingParams;
import io.alchemist.tensor.cpu.CpuOps;
import io.alchemist.train.GradientReport;
import io.alchemist.train.Reuse;
import io.alchemist.train.TrainingExample;
import io.alchemist.weights.AdapterData;
import io.alchemist.weights.LoraSpec;
import io.alchemist.weights.Trainable;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The engine, from the files on, computes what PyTorch does: probabilities and gradients of small random models that
 * {@link Golden} brings. Ours in float32, PyTorch's in float64.
 */
class GoldenModelTest {
  private static final double TOLERANCE = 1e-5;

  @ParameterizedTest
  @ValueSource(strings = {"plain", "tied", "llama3"})
  void servesTheSameProbabilities(String variant) {
    Path directory = Golden.model(variant);
    try (Engine engine = start(directory, null)) {
      checkProbabilities(engine, Golden.read(directory, directory));
    }
  }

  @ParameterizedTest
  @CsvSource({"plain, attention", "plain, all", "llama3, all"})
  void servesTheSameProbabilitiesWithAnAdapter(String variant, String adapter) {
    Path directory = Golden.model(variant);
    Path adapterDirectory = directory.resolve("adapter-" + adapter);
    try (Engine engine = startWithAdapter(directory, adapterDirectory)) {
      checkProbabilities(engine, Golden.read(directory, adapterDirectory));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "plain, NONE",
    "plain, LOGGED",
    "tied, NONE",
    "tied, LOGGED",
    "llama3, NONE",
    "llama3, LOGGED"
  })
  void computesTheSameGradientOfAllWeights(String variant, Reuse reuse) {
    Path directory = Golden.model(variant);
    try (Engine engine = start(directory, new Trainable.WholeModel())) {
      checkGradient(engine, Golden.read(directory, directory), reuse);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "plain, attention, NONE",
    "plain, attention, LOGGED",
    "plain, all, NONE",
    "plain, all, LOGGED",
    "llama3, all, NONE",
    "llama3, all, LOGGED"
  })
  void computesTheSameGradientOfAnAdapter(String variant, String adapter, Reuse reuse) {
    Path directory = Golden.model(variant);
    Path adapterDirectory = directory.resolve("adapter-" + adapter);
    try (Engine engine = startWithAdapter(directory, adapterDirectory)) {
      checkGradient(engine, Golden.read(directory, adapterDirectory), reuse);
    }
  }

  private static void checkProbabilities(Engine engine, Golden golden) {
    for (int i = 0; i < golden.examples().size(); i++) {
      float[] served =
          LogProbs.ofSequence(engine, "sequence-" + i, golden.examples().get(i).tokens());
      assertThat(Golden.relativeError(served, golden.logProbs(i, engine.model().vocabSize())))
          .as("log-probabilities of sequence %d", i)
          .isLessThan(TOLERANCE);
    }
  }

  private static void checkGradient(Engine engine, Golden golden, Reuse reuse) {
    long version = Engine.await(engine.liveVersion());
    List<TrainingExample> examples = new ArrayList<>();
    for (Golden.Example example : golden.examples()) {
      String id = "turn-" + examples.size();
      int[] prompt = Arrays.copyOf(example.tokens(), example.promptLength());
      Engine.await(TestEngines.generate(engine, id, prompt, 3, SamplingParams.GREEDY));
      examples.add(example.at(id, version));
    }
    GradientReport report = Engine.await(engine.accumulate(examples, reuse));
    assertThat(report.loss()).isCloseTo(golden.loss(), within(TOLERANCE * golden.loss()));
    assertThat(report.reusedTokens() > 0).isEqualTo(reuse == Reuse.LOGGED);

    HostGradient gradient = Engine.await(engine.takeGradient());
    assertThat(gradient.values().size()).isEqualTo((int) golden.gradients());
    gradient.values().forEach((id, values) -> assertThat(
            Golden.relativeError(values, golden.gradient(id)))
        .as("gradient of %s", id)
        .isLessThan(TOLERANCE));
  }

  private static Engine startWithAdapter(Path directory, Path adapterDirectory) {
    AdapterData adapter;
    try (Checkpoint checkpoint = ModelFiles.open(directory)) {
      adapter = PeftDirectory.read(adapterDirectory, checkpoint.config());
    }
    LoraSpec spec = new LoraSpec(adapter.rank(), adapter.alpha(), adapter.targets());
    Engine engine = start(directory, new Trainable.Adapter(spec, 1));
    Engine.await(engine.publish(adapter));
    return engine;
  }

  private static Engine start(Path directory, @Nullable Trainable trainable) {
    EngineConfig config = TestEngines.config(
        trainable == null ? null : TestEngines.learning(trainable),
        TestEngines.cache(1024, trainable == null ? 0 : 8L << 20, 0),
        64);
    try (Checkpoint checkpoint = ModelFiles.open(directory)) {
      return new Engine(config, CpuOps.create(2, 256L << 20), checkpoint, new Metrics());
    }
  }
}
