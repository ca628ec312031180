package io.alchemist.cli;

import io.alchemist.engine.Engine;
import io.alchemist.engine.EngineDefaults;
import io.alchemist.engine.LearningConfig;
import io.alchemist.engine.LoadedModel;
import io.alchemist.metrics.Metrics;
import io.alchemist.tensor.Ops;
import io.alchemist.tensor.cpu.CpuOps;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options that say which model runs on what. */
final class ModelOptions {
  @Option(
      names = "--model",
      paramLabel = "DIR|FILE",
      description =
          "A Hugging Face directory or a GGUF file. Default: the embedded help-desk model.")
  @Nullable
  Path model;

  @Option(names = "--threads", description = "CPU threads. Default: ${DEFAULT-VALUE}.")
  int threads = Runtime.getRuntime().availableProcessors();

  @Option(
      names = "--memory",
      paramLabel = "MIB",
      description = "Memory of the engine in MiB. Default: three quarters of what the JVM allows.")
  @Nullable
  Long memoryMegabytes;

  /** Opens the model. */
  LoadedModel open() {
    return LoadedModel.open(model == null ? embedded() : model);
  }

  private static Path embedded() {
    return Path.of(System.getProperty("alchemist.home", "."), "models", "help-desk");
  }

  /** Starts an engine for it. */
  Engine start(LoadedModel loaded, @Nullable LearningConfig learning, Metrics metrics) {
    long bytes = memoryBytes();
    Ops ops = CpuOps.create(threads, bytes);
    try {
      Engine engine = new Engine(
          EngineDefaults.of(loaded.checkpoint().config(), bytes, learning, loaded.endOfTurn()),
          ops,
          loaded.checkpoint(),
          metrics);
      if (learning != null) {
        Engine.await(engine.calibrate());
      }
      return engine;
    } catch (RuntimeException e) {
      ops.close();
      throw e;
    }
  }

  /** Native memory is limited to the heap's maximum unless the JVM is told otherwise. */
  private long memoryBytes() {
    return memoryMegabytes == null
        ? Runtime.getRuntime().maxMemory() / 4 * 3
        : memoryMegabytes << 20;
  }
}
