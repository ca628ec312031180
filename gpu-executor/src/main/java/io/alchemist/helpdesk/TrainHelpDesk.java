package io.alchemist.helpdesk;

import io.alchemist.engine.CacheConfig;
import io.alchemist.engine.Engine;
import io.alchemist.engine.EngineConfig;
import io.alchemist.engine.LatencyTargets;
import io.alchemist.engine.LearningConfig;
import io.alchemist.engine.LoadedModel;
import io.alchemist.engine.TrainingStep;
import io.alchemist.files.HuggingFaceCheckpoint;
import io.alchemist.files.StorageType;
import io.alchemist.helpdesk.ChatML.Span;
import io.alchemist.helpdesk.Dialogue.Message;
import io.alchemist.metrics.Metrics;
import io.alchemist.serve.SchedulerConfig;
import io.alchemist.tensor.cpu.CpuOps;
import io.alchemist.text.Tokenizer;
import io.alchemist.train.LearningRate;
import io.alchemist.train.OptimizerConfig;
import io.alchemist.train.TrainerConfig;
import io.alchemist.train.TrainingExample;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.RandomWeights;
import io.alchemist.weights.RopeConfig;
import io.alchemist.weights.Trainable;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/**
 * Trains the embedded model from random weights, with this engine's own trainer, and measures it on the held-out phrasings.
 * The same seed on the same machine gives the same model.
 */
@Command(
    name = "train-help-desk",
    description = "Trains the embedded help-desk model from scratch and reports its accuracy.",
    mixinStandardHelpOptions = true,
    showDefaultValues = true)
public final class TrainHelpDesk implements Callable<Integer> {
  private static final long MEMORY = 3L << 30;
  /** Every so many examples one is a long conversation, so that all positions are trained. */
  private static final int LONG_EVERY = 12;

  @Option(names = "--out", required = true, description = "Directory of the model.")
  private Path out;

  @Option(names = "--steps", description = "Optimizer steps.")
  private int steps = 1500;

  @Option(names = "--batch", description = "Dialogues of a step.")
  private int batch = 64;

  @Option(names = "--seed", description = "Of weights and dialogues.")
  private long seed = 1;

  @Option(names = "--threads", description = "CPU threads.")
  private int threads = Runtime.getRuntime().availableProcessors();

  @Spec
  private CommandSpec spec;

  private static ModelConfig shape() {
    return new ModelConfig(
        "llama",
        BpeTrainer.BUILT_IN_SIZE,
        192,
        4,
        6,
        2,
        32,
        512,
        1e-5f,
        RopeConfig.plain(10_000),
        TokenizerFiles.MAX_LENGTH,
        true);
  }

  @Override
  public Integer call() throws IOException {
    PrintWriter print = spec.commandLine().getOut();
    Corpus corpus = Corpus.builtIn(seed);
    TokenizerFiles.write(BpeTrainer.train(corpus), out);
    ModelConfig shape = shape();
    OptimizerConfig optimizer = new OptimizerConfig(
        new LearningRate(3e-3f, Math.min(100, steps / 4), steps, 0.02f),
        0.9f,
        0.98f,
        1e-8f,
        0.05f,
        1);
    EngineConfig config = new EngineConfig(
        MEMORY,
        new CacheConfig(16, 1024, 0, 0, 0, null),
        new SchedulerConfig(1, 64, 1),
        LatencyTargets.DEFAULT,
        new LearningConfig(
            new Trainable.WholeModel(),
            optimizer,
            new TrainerConfig(1024, 1024 * shape.vocabSize(), 2)),
        0,
        1,
        Set.of());
    print.printf(
        Locale.ROOT,
        "Training %,d parameters for %d steps of %d dialogues, seed %d%n",
        shape.parameters(),
        steps,
        batch,
        seed);
    long start = System.nanoTime();
    try (Tokenizer tokenizer = Tokenizer.fromJson(out.resolve("tokenizer.json"));
        Engine engine = new Engine(
            config,
            CpuOps.create(threads, MEMORY),
            new RandomWeights(shape, seed),
            new Metrics())) {
      long tokens = 0;
      for (int step = 1; step <= steps; step++) {
        TrainingStep done = Engine.await(engine.train(examples(corpus, tokenizer, step)));
        tokens += done.batch().tokens();
        if (step % 50 == 0 || step == 1) {
          double seconds = (System.nanoTime() - start) * 1e-9;
          print.printf(
              Locale.ROOT,
              "step %5d  loss %.4f  gradient norm %.3f  %,.0f tokens/s  %.0f s%n",
              step,
              done.batch().meanLoss(),
              done.gradientNorm(),
              tokens / seconds,
              seconds);
          print.flush();
        }
      }
      HuggingFaceCheckpoint.write(
          out,
          Engine.await(engine.trainedModel()),
          StorageType.BF16,
          Map.of("bos_token_id", 0, "eos_token_id", 2, "pad_token_id", 0));
    }
    print.printf(
        "Trained in %d s%n", Duration.ofNanos(System.nanoTime() - start).toSeconds());
    try (LoadedModel model = LoadedModel.open(out)) {
      new HelpDeskExam(model, corpus, threads).report(print);
    }
    print.flush();
    return 0;
  }

  private List<TrainingExample> examples(Corpus corpus, Tokenizer tokenizer, int step) {
    List<TrainingExample> examples = new ArrayList<>();
    for (int i = 0; i < batch; i++) {
      long index = (long) step * batch + i;
      Dialogue dialogue = corpus.dialogue(index);
      if (index % LONG_EVERY == 0) {
        dialogue = lengthened(corpus, dialogue, index);
      }
      examples.add(example(tokenizer, dialogue, Long.toString(index)));
    }
    return examples;
  }

  /** The dialogue, followed by what is said in others. */
  private static Dialogue lengthened(Corpus corpus, Dialogue first, long index) {
    List<Message> messages = new ArrayList<>(first.messages());
    int turns = 4 + (int) (index / LONG_EVERY % 10) * 2;
    for (long more = 1; messages.size() < turns; more++) {
      messages.addAll(corpus.dialogue(index * 1_000_003 + more).messages());
    }
    return new Dialogue(first.system(), messages);
  }

  /** Tokens with their weights, cut to the context. */
  static TrainingExample example(Tokenizer tokenizer, Dialogue dialogue, String id) {
    int[] tokens = new int[TokenizerFiles.MAX_LENGTH];
    float[] weights = new float[TokenizerFiles.MAX_LENGTH];
    int length = 0;
    for (Span span : ChatML.spans(dialogue)) {
      for (int token : tokenizer.encodeTemplated(span.text())) {
        if (length < tokens.length) {
          tokens[length] = token;
          weights[length] = span.trained() ? 1 : 0;
          length++;
        }
      }
    }
    return new TrainingExample(
        id, Arrays.copyOf(tokens, length), Arrays.copyOf(weights, length), 0);
  }
}
