package io.alchemist.engine;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.alchemist.files.Checkpoint;
import io.alchemist.files.HuggingFaceCheckpoint;
import io.alchemist.files.ModelFiles;
import io.alchemist.files.PeftDirectory;
import io.alchemist.files.StorageType;
import io.alchemist.metrics.Metrics;
import io.alchemist.tensor.cpu.CpuOps;
import io.alchemist.train.TrainingExample;
import io.alchemist.weights.AdapterData;
import io.alchemist.weights.LoraSpec;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.Trainable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Trains a golden model, for a comparison with other software: {@code TrainGolden MODEL ADAPTER STEPS OUT} goes on from an
 * adapter, and from the whole model, for some steps over the model's examples. In {@code OUT} it writes the unchanged model
 * ({@code base}), the trained adapter ({@code adapter}), the whole model trained ({@code whole}), and for each of these
 * the log-probabilities of all tokens along each example ({@code base.json}, ...).
 */
final class TrainGolden {
  private static final long MEMORY = 256L << 20;

  private final Path directory;
  private final Path out;
  private final int steps;
  private final List<Golden.Example> examples;

  private TrainGolden(Path directory, int steps, Path out) throws IOException {
    this.directory = directory;
    this.steps = steps;
    this.out = Files.createDirectories(out);
    this.examples = Golden.read(directory, directory).examples();
  }

  /** Trains and writes. */
  public static void main(String[] arguments) throws IOException {
    TrainGolden run = new TrainGolden(
        Path.of(arguments[0]), Integer.parseInt(arguments[2]), Path.of(arguments[3]));
    run.adapter(Path.of(arguments[1]));
    run.wholeModel();
  }

  private void adapter(Path start) throws IOException {
    try (Checkpoint checkpoint = ModelFiles.open(directory)) {
      ModelConfig model = checkpoint.config();
      HuggingFaceCheckpoint.write(
          out.resolve("base"), checkpoint, StorageType.F32, Map.of("eos_token_id", 1));
      AdapterData adapter = PeftDirectory.read(start, model);
      LoraSpec spec = new LoraSpec(adapter.rank(), adapter.alpha(), adapter.targets());
      try (Engine engine = start(checkpoint, new Trainable.Adapter(spec, 1))) {
        writeLogProbs(engine, "base.json"); // B is zero before anything is published
        Engine.await(engine.publish(adapter));
        train(engine);
        writeLogProbs(engine, "adapter.json");
        PeftDirectory.write(out.resolve("adapter"), Engine.await(engine.adapter()), model, null);
      }
    }
  }

  private void wholeModel() throws IOException {
    try (Checkpoint checkpoint = ModelFiles.open(directory);
        Engine engine = start(checkpoint, new Trainable.WholeModel())) {
      train(engine);
      writeLogProbs(engine, "whole.json");
      HuggingFaceCheckpoint.write(
          out.resolve("whole"), Engine.await(engine.trainedModel()), StorageType.F32, Map.of());
    }
  }

  private static Engine start(Checkpoint checkpoint, Trainable trainable) {
    return new Engine(
        TestEngines.config(
            TestEngines.learning(trainable), TestEngines.cache(1024, 8L << 20, 0), 64),
        CpuOps.create(1, MEMORY),
        checkpoint,
        new Metrics());
  }

  private void train(Engine engine) {
    for (int step = 0; step < steps; step++) {
      long version = Engine.await(engine.liveVersion());
      List<TrainingExample> batch = new ArrayList<>();
      for (Golden.Example example : examples) {
        batch.add(example.at("example-" + batch.size(), version));
      }
      Engine.await(engine.train(batch));
    }
  }

  private void writeLogProbs(Engine engine, String file) throws IOException {
    List<float[]> all = new ArrayList<>();
    for (Golden.Example example : examples) {
      all.add(LogProbs.ofSequence(engine, file + all.size(), example.tokens()));
    }
    new ObjectMapper().writeValue(out.resolve(file).toFile(), all);
  }
}
