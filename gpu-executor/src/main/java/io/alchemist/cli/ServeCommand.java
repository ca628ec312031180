package io.alchemist.cli;

import io.alchemist.engine.Engine;
import io.alchemist.engine.FeedbackLearner;
import io.alchemist.engine.LearningConfig;
import io.alchemist.engine.LoadedModel;
import io.alchemist.engine.TextEngine;
import io.alchemist.files.HuggingFaceCheckpoint;
import io.alchemist.files.PeftDirectory;
import io.alchemist.http.ApiConfig;
import io.alchemist.http.ApiServer;
import io.alchemist.metrics.Metrics;
import io.alchemist.serve.FeedbackSink;
import io.alchemist.serve.FileFeedbackSink;
import io.alchemist.train.OptimizerConfig;
import io.alchemist.train.TrainerConfig;
import io.alchemist.weights.AdapterData;
import io.alchemist.weights.LinearLayer;
import io.alchemist.weights.LoraSpec;
import io.alchemist.weights.Trainable;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Serves a model over HTTP until it is told to stop; then finishes what it has. */
@Command(
    name = "serve",
    description = "Serves a model over HTTP, compatible with OpenAI's API.",
    mixinStandardHelpOptions = true)
final class ServeCommand implements Callable<Integer> {
  private static final int FEEDBACK_QUEUE = 10_000;
  private static final int LONGEST_EXAMPLE = 2048;
  private static final int MAX_LOGITS = 8 << 20;
  private static final int MAX_JOBS = 8;
  private static final long SEED = 1;
  private static final String ADAPTER_RATE = "0.003";
  private static final String MODEL_RATE = "0.0003";

  @Mixin
  private ModelOptions options;

  @Option(names = "--host", description = "Address to listen at. Default: ${DEFAULT-VALUE}.")
  private String host = "127.0.0.1";

  @Option(names = "--port", description = "Port; 0 takes any free one. Default: ${DEFAULT-VALUE}.")
  private int port = 8080;

  @Option(
      names = "--feedback",
      paramLabel = "FILE",
      description = "Where POST /v1/feedback appends, a JSON line each. Default: ${DEFAULT-VALUE}.")
  private Path feedback = Path.of("feedback.jsonl");

  @Option(
      names = "--learn",
      description = "Learns from corrections and thumbs up as they come, with a LoRA adapter.")
  private boolean learn;

  @Option(
      names = "--whole-model",
      description =
          "With --learn: trains all weights instead of an adapter, in a second copy that is"
              + " swapped in with each update.")
  private boolean wholeModel;

  @Option(
      names = "--learning-rate",
      description =
          "Default: " + ADAPTER_RATE + " for an adapter, " + MODEL_RATE + " for the whole model.")
  private @Nullable Float learningRate;

  @Option(
      names = "--steps",
      description = "Updates for each batch of feedback. Default: ${DEFAULT-VALUE}.")
  private int steps = 6;

  @Option(names = "--rank", description = "Of the adapter. Default: ${DEFAULT-VALUE}.")
  private int rank = 8;

  @Option(
      names = "--adapter",
      paramLabel = "DIR",
      description = "With --learn: begins from this PEFT adapter; its rank and targets are used.")
  private @Nullable Path adapter;

  @Option(
      names = "--save-adapter",
      paramLabel = "DIR",
      description =
          "With --learn: when stopped, saves the adapter here as PEFT does; DIR must not exist.")
  private @Nullable Path saveAdapter;

  @Option(
      names = "--save-model",
      paramLabel = "DIR",
      description = "With --whole-model: when stopped, saves the model here, as the Hugging Face"
          + " directory that it was loaded from; DIR must not exist.")
  private @Nullable Path saveModel;

  @Spec
  private CommandSpec spec;

  @Override
  public Integer call() throws IOException, InterruptedException {
    PrintWriter out = spec.commandLine().getOut();
    Metrics metrics = new Metrics();
    CountDownLatch stop = new CountDownLatch(1);
    CountDownLatch stopped = new CountDownLatch(1);
    Runtime.getRuntime()
        .addShutdownHook(new Thread(() -> awaitStop(stop, stopped), "alchemist-shutdown"));
    try (LoadedModel model = options.open();
        Engine engine = start(model, metrics);
        FeedbackSink sink = sink(engine, model)) {
      TextEngine service = new TextEngine(engine, model, sink);
      try (ApiServer server =
          ApiServer.start(ApiConfig.defaults().at(host, port), service, metrics)) {
        out.printf(
            "Serving %s at http://%s:%d/v1 (Ctrl-C to stop)%n", model.name(), host, server.port());
        out.flush();
        stop.await();
        out.println("Finishing what is under way");
        out.flush();
        engine.drain();
      }
      return save(engine, model, out) ? 0 : 1;
    } finally {
      stopped.countDown();
    }
  }

  /** Saves what is to be saved. A failure is told here and now: when this command returns, the process ends. */
  private boolean save(Engine engine, LoadedModel model, PrintWriter out) {
    try {
      saveTrained(engine, model, out);
      return true;
    } catch (RuntimeException e) {
      PrintWriter err = spec.commandLine().getErr();
      err.println("What was learnt could not be saved: " + e.getMessage());
      e.printStackTrace(err);
      err.flush();
      return false;
    }
  }

  private void saveTrained(Engine engine, LoadedModel model, PrintWriter out) {
    if (saveAdapter != null) {
      PeftDirectory.write(
          saveAdapter,
          Engine.await(engine.adapter()),
          engine.model(),
          model.checkpoint().path().toAbsolutePath().toString());
      out.printf("Saved the adapter to %s%n", saveAdapter);
    }
    if (saveModel != null && model.checkpoint() instanceof HuggingFaceCheckpoint original) {
      original.writeWith(saveModel, Engine.await(engine.trainedModel()));
      out.printf("Saved the model to %s%n", saveModel);
    }
    out.flush();
  }

  private FeedbackSink sink(Engine engine, LoadedModel model) throws IOException {
    FeedbackSink file = FileFeedbackSink.open(feedback, FEEDBACK_QUEUE);
    return learn ? new FeedbackLearner(engine, model, file, steps) : file;
  }

  private Engine start(LoadedModel model, Metrics metrics) {
    checkOptions(model);
    if (!learn) {
      return options.start(model, null, metrics);
    }
    if (wholeModel) {
      return options.start(model, learning(model, new Trainable.WholeModel(), MODEL_RATE), metrics);
    }
    if (adapter == null) {
      LoraSpec spec = new LoraSpec(rank, 2f * rank, EnumSet.allOf(LinearLayer.class));
      return options.start(model, learning(model, spec), metrics);
    }
    AdapterData data = PeftDirectory.read(adapter, model.checkpoint().config());
    LoraSpec spec = new LoraSpec(data.rank(), data.alpha(), data.targets());
    Engine engine = options.start(model, learning(model, spec), metrics);
    try {
      Engine.await(engine.publish(data));
      return engine;
    } catch (RuntimeException e) {
      engine.close();
      throw e;
    }
  }

  /** What would come to nothing, or fail only at the end, is refused at the start. */
  private void checkOptions(LoadedModel model) {
    boolean ofAdapter = adapter != null || saveAdapter != null;
    if (!learn && (ofAdapter || wholeModel || saveModel != null)) {
      throw new IllegalArgumentException(
          "--adapter, --save-adapter, --whole-model and --save-model go with --learn: without it nothing is trained.");
    }
    if (wholeModel && ofAdapter) {
      throw new IllegalArgumentException(
          "--whole-model trains all weights and has no adapter: leave --adapter and --save-adapter out, or --whole-model.");
    }
    if (!wholeModel && saveModel != null) {
      throw new IllegalArgumentException(
          "--save-model goes with --whole-model: without it the model's weights are unchanged. Save the adapter with --save-adapter.");
    }
    if (saveModel != null && !(model.checkpoint() instanceof HuggingFaceCheckpoint)) {
      throw new IllegalArgumentException(
          "--save-model can't save " + model.checkpoint().path()
              + ": its tokenizer is not in the form that a Hugging Face directory has. Serve the model from such a directory.");
    }
    for (Path target :
        Stream.of(saveAdapter, saveModel).filter(Objects::nonNull).toList()) {
      if (Files.exists(target)) {
        throw new IllegalArgumentException(
            target + " exists, and is not written over: name a directory that doesn't.");
      }
      checkCanBeMade(target);
    }
  }

  private static void checkCanBeMade(Path target) {
    Path parent = target.toAbsolutePath().getParent();
    try {
      if (parent != null) {
        Files.createDirectories(parent);
        Files.delete(Files.createTempFile(parent, ".alchemist", ".tmp"));
      }
    } catch (IOException e) {
      throw new IllegalArgumentException(
          "Nothing could be saved to " + target + ": " + e + ". Name a directory that can be made.",
          e);
    }
  }

  private LearningConfig learning(LoadedModel model, LoraSpec spec) {
    return learning(model, new Trainable.Adapter(spec, SEED), ADAPTER_RATE);
  }

  private LearningConfig learning(LoadedModel model, Trainable trainable, String usualRate) {
    int longest = Math.min(LONGEST_EXAMPLE, model.checkpoint().config().maxPositions());
    return new LearningConfig(
        trainable,
        OptimizerConfig.withRate(learningRate == null ? Float.parseFloat(usualRate) : learningRate),
        new TrainerConfig(longest, MAX_LOGITS, MAX_JOBS));
  }

  /** Runs when the process is told to end: asks the command to finish and waits for it. */
  private static void awaitStop(CountDownLatch stop, CountDownLatch stopped) {
    stop.countDown();
    try {
      stopped.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
