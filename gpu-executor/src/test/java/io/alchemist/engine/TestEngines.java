package io.alchemist.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.alchemist.metrics.Metrics;
import io.alchemist.serve.GenerationRequest;
import io.alchemist.serve.SamplingParams;
import io.alchemist.serve.SchedulerConfig;
import io.alchemist.serve.Turn;
import io.alchemist.tensor.cpu.CpuOps;
import io.alchemist.train.OptimizerConfig;
import io.alchemist.train.TrainerConfig;
import io.alchemist.weights.LinearLayer;
import io.alchemist.weights.LoraSpec;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.RandomWeights;
import io.alchemist.weights.RopeConfig;
import io.alchemist.weights.Trainable;
import io.alchemist.weights.WeightSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** Small engines for tests. */
final class TestEngines {
  static final int VOCABULARY = 97;
  static final long DEVICE_BYTES = 256L << 20;
  static final ModelConfig TINY = model(4, 2, true);

  private TestEngines() {}

  static ModelConfig model(int heads, int kvHeads, boolean tied) {
    return new ModelConfig(
        "llama",
        VOCABULARY,
        32,
        3,
        heads,
        kvHeads,
        8,
        48,
        1e-5f,
        RopeConfig.plain(10_000),
        256,
        tied);
  }

  static Trainable adapter(LinearLayer... targets) {
    return new Trainable.Adapter(new LoraSpec(4, 8, Set.of(targets)), 7);
  }

  static LearningConfig learning(Trainable trainable) {
    return new LearningConfig(
        trainable, OptimizerConfig.withRate(1e-2f), new TrainerConfig(256, VOCABULARY * 64, 8));
  }

  static CacheConfig cache(int kvTokens, long activationBytes, long hostBytes) {
    return new CacheConfig(4, kvTokens, activationBytes, hostBytes, 0, null);
  }

  /** Room for all that a test does: nothing is evicted. */
  static CacheConfig roomyCache() {
    return cache(2048, 16L << 20, 0);
  }

  static EngineConfig config(
      @Nullable LearningConfig learning, CacheConfig cache, int maxStepTokens) {
    return config(
        learning, cache, new SchedulerConfig(Math.min(8, maxStepTokens), maxStepTokens, 64), 3);
  }

  static EngineConfig config(
      @Nullable LearningConfig learning,
      CacheConfig cache,
      SchedulerConfig scheduler,
      int keptVersions) {
    return new EngineConfig(
        DEVICE_BYTES,
        cache,
        scheduler,
        LatencyTargets.DEFAULT,
        learning,
        keptVersions,
        100,
        Set.of());
  }

  static Engine start(EngineConfig config, ModelConfig model) {
    return start(config, new RandomWeights(model, 1, 8));
  }

  static Engine start(EngineConfig config, WeightSource source) {
    return new Engine(config, CpuOps.create(2, config.deviceBytes()), source, new Metrics());
  }

  /** An engine that learns an adapter on all linear layers and has room for everything. */
  static Engine learning() {
    return start(config(learning(adapter(LinearLayer.values())), roomyCache(), 64), TINY);
  }

  /** An engine that only serves and has room for everything. */
  static Engine serving() {
    return start(config(null, roomyCache(), 64), TINY);
  }

  /** Gives an adapter whose B is not zero, so that it changes what the model says. */
  static void publishSomething(Engine engine, long seed) {
    Engine.await(engine.publish(Adapters.random(TINY, 4, 8, seed, 0.2)));
  }

  static CompletableFuture<Turn> generate(
      Engine engine, String id, int[] prompt, int maxTokens, SamplingParams sampling) {
    return request(engine, id, prompt, maxTokens, sampling).turn();
  }

  /** Starts a request and collects what its listener is told. */
  static Answer request(
      Engine engine, String id, int[] prompt, int maxTokens, SamplingParams sampling) {
    return request(engine, id, prompt, maxTokens, sampling, new Answer());
  }

  static Answer request(
      Engine engine,
      String id,
      int[] prompt,
      int maxTokens,
      SamplingParams sampling,
      Answer answer) {
    answer.failWith(
        engine.generate(new GenerationRequest(id, prompt, maxTokens, sampling, 0), answer));
    return answer;
  }

  /** Greedy answers to all prompts, sent together. */
  static List<Turn> answers(Engine engine, String prefix, List<int[]> prompts, int maxTokens) {
    List<CompletableFuture<Turn>> turns = new ArrayList<>();
    for (int i = 0; i < prompts.size(); i++) {
      turns.add(
          generate(engine, prefix + "-" + i, prompts.get(i), maxTokens, SamplingParams.GREEDY));
    }
    return turns.stream().map(Engine::await).toList();
  }

  /** With nothing running, all that was recorded can be given up, and then the arena is empty. */
  static void assertNothingHeld(Engine engine) {
    // Copies to the host may be under way, whose pins go with them.
    await()
        .until(() -> Engine.await(engine.inspect(e -> {
          e.tree().evictPages(Integer.MAX_VALUE);
          return e.arena().kvBytes()
                  + e.arena().activationBytes()
                  + e.tree().deviceActivationBytes()
              == 0;
        })));
    EngineStatus status = Engine.await(engine.status());
    assertThat(status.server().running() + status.server().waiting()).isZero();
    assertThat(status.trainingJobs()).isZero();
  }

  static int[] tokens(long seed, int count) {
    return new Random(seed).ints(count, 0, VOCABULARY).toArray();
  }

  static int[] concat(int[]... parts) {
    return Arrays.stream(parts).flatMapToInt(Arrays::stream).toArray();
  }
}
