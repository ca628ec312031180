package io.alchemist.engine;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.alchemist.metrics.Metrics;
import io.alchemist.serve.SamplingParams;
import io.alchemist.serve.Turn;
import io.alchemist.tensor.cpu.CpuOps;
import io.alchemist.train.GradientReport;
import io.alchemist.train.OptimizerConfig;
import io.alchemist.train.Reuse;
import io.alchemist.train.TrainerConfig;
import io.alchemist.train.TrainingExample;
import io.alchemist.weights.LinearLayer;
import io.alchemist.weights.LoraSpec;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.Trainable;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * Runs any model for a comparison with other software: {@code ModelProbe MODEL < tasks > results}, one JSON object a line.
 * A task is {@code {"prompt": text, "max_tokens": n}}, answered greedily with the tokens of both and their
 * log-probabilities, not stopping at the end of a turn; or {@code {"prompt": text, "completion": text}}, learnt in one step of an adapter from what serving the
 * prompt logged.
 */
final class ModelProbe implements AutoCloseable {
  private static final long MEMORY = 3L << 30;
  private static final int MICRO_BATCH = 128;

  private final ObjectMapper json = new ObjectMapper();
  private final LoadedModel model;
  private final Engine engine;
  private int tasks;

  private ModelProbe(Path path) {
    model = LoadedModel.open(path);
    ModelConfig shape = model.checkpoint().config();
    LearningConfig learning = new LearningConfig(
        new Trainable.Adapter(new LoraSpec(8, 16, EnumSet.allOf(LinearLayer.class)), 1),
        OptimizerConfig.withRate(1e-3f),
        new TrainerConfig(MICRO_BATCH, MICRO_BATCH * shape.vocabSize(), 2));
    int threads = Runtime.getRuntime().availableProcessors();
    engine = new Engine(
        EngineDefaults.of(shape, MEMORY, learning, Set.of()),
        CpuOps.create(threads, MEMORY),
        model.checkpoint(),
        new Metrics());
  }

  /** Runs the tasks of standard input. */
  public static void main(String[] arguments) throws IOException {
    try (ModelProbe probe = new ModelProbe(Path.of(arguments[0]));
        BufferedReader tasks =
            new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
      for (String line = tasks.readLine(); line != null; line = tasks.readLine()) {
        System.out.println(probe.json.writeValueAsString(probe.run(probe.json.readTree(line))));
      }
    }
  }

  private Map<String, Object> run(JsonNode task) {
    String id = "task-" + tasks++;
    int[] prompt = model.tokenizer().encode(task.path("prompt").asText());
    return task.has("completion")
        ? learn(id, prompt, task.path("completion").asText())
        : generate(id, prompt, task.path("max_tokens").asInt());
  }

  private Map<String, Object> generate(String id, int[] prompt, int maxTokens) {
    Turn turn =
        Engine.await(TestEngines.generate(engine, id, prompt, maxTokens, SamplingParams.GREEDY));
    Map<String, Object> result = new TreeMap<>();
    result.put("prompt", prompt);
    result.put("tokens", turn.completion());
    result.put("log_probs", turn.logProbs());
    result.put("text", model.tokenizer().decode(turn.completion()));
    return result;
  }

  private Map<String, Object> learn(String id, int[] prompt, String text) {
    Turn turn = Engine.await(TestEngines.generate(engine, id, prompt, 1, SamplingParams.GREEDY));
    int[] completion = model.tokenizer().encode(text);
    TrainingExample example =
        TrainingExample.completion(id, turn.prompt(), completion, turn.version());
    GradientReport anew = Engine.await(engine.accumulate(List.of(example), Reuse.NONE));
    HostGradient recomputed = Engine.await(engine.takeGradient());
    GradientReport logged = Engine.await(engine.accumulate(List.of(example), Reuse.LOGGED));
    HostGradient fromLog = Engine.await(engine.takeGradient());
    TrainingStep step = Engine.await(engine.train(List.of(example)));
    TrainingExample again =
        TrainingExample.completion(id, turn.prompt(), completion, step.version());
    double after = Engine.await(engine.accumulate(List.of(again), Reuse.NONE)).loss();
    Engine.await(engine.takeGradient());
    Map<String, Object> result = new TreeMap<>();
    result.put("loss", logged.loss());
    result.put("loss_recomputed", anew.loss());
    result.put("rows", logged.rows());
    result.put("rows_recomputed", anew.rows());
    result.put("loss_after", after);
    result.put("prompt_tokens", prompt.length);
    result.put("reused_tokens", logged.reusedTokens());
    result.put("gradient_error", fromLog.relativeError(recomputed));
    return result;
  }

  @Override
  public void close() {
    engine.close();
    model.close();
  }
}
