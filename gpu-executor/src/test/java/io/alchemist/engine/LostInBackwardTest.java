package io.alchemist.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.alchemist.cache.ArenaHostTier;
import io.alchemist.cache.HostBlock;
import io.alchemist.cache.HostTier;
import io.alchemist.metrics.Metrics;
import io.alchemist.serve.Turn;
import io.alchemist.tensor.HostBuffer;
import io.alchemist.tensor.Ops;
import io.alchemist.tensor.cpu.CpuOps;
import io.alchemist.train.Reuse;
import io.alchemist.train.TrainingExample;
import io.alchemist.weights.LinearLayer;
import io.alchemist.weights.RandomWeights;
import io.alchemist.weights.Trainable;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The host loses a block, wherever the pass that reads it has come: nothing of the gradient is missing, and nothing is in it twice. */
class LostInBackwardTest {
  private static final List<int[]> PROMPTS =
      List.of(TestEngines.tokens(1, 70), TestEngines.tokens(2, 21));
  private static final int LAYERS = TestEngines.TINY.layers();

  /** Loses what is asked for the n-th time, and finds everything else. */
  private static final class LosingTier implements HostTier {
    private final HostTier tier;
    private final AtomicInteger left = new AtomicInteger(Integer.MAX_VALUE);

    LosingTier(HostTier tier) {
      this.tier = tier;
    }

    @Override
    public boolean put(long id, HostBuffer block) {
      return tier.put(id, block);
    }

    @Override
    public @Nullable HostBlock get(long id) {
      if (left.decrementAndGet() == 0) {
        tier.remove(id);
      }
      return tier.get(id);
    }

    @Override
    public boolean has(long id) {
      return tier.has(id);
    }

    @Override
    public boolean isOnDisk(long id) {
      return tier.isOnDisk(id);
    }

    @Override
    public void remove(long id) {
      tier.remove(id);
    }

    @Override
    public long usedBytes() {
      return tier.usedBytes();
    }

    @Override
    public long diskBytes() {
      return tier.diskBytes();
    }

    @Override
    public void close() {
      tier.close();
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void eachPartOfTheGradientIsAddedOnce(boolean whole) {
    Trainable trainable =
        whole ? new Trainable.WholeModel() : TestEngines.adapter(LinearLayer.values());
    int losses = 0;
    while (isLost(trainable, losses + 1)) {
      losses++;
    }
    assertThat(losses)
        .as("blocks that the pass asks for")
        .isGreaterThanOrEqualTo(LAYERS * PROMPTS.size());
  }

  /** Whether the pass asked for so many blocks. */
  private static boolean isLost(Trainable trainable, int nth) {
    EngineConfig config =
        TestEngines.config(TestEngines.learning(trainable), TestEngines.roomyCache(), 64);
    Ops ops = CpuOps.create(2, config.deviceBytes());
    LosingTier tier = new LosingTier(new ArenaHostTier(64L << 20, null, ops::hostBuffer));
    try (Engine engine =
        new Engine(config, ops, new RandomWeights(TestEngines.TINY, 1, 8), new Metrics(), tier)) {
      List<TrainingExample> examples = new ArrayList<>();
      for (Turn turn : TestEngines.answers(engine, "t", PROMPTS, 4)) {
        examples.add(TrainingExample.completion(
            turn.id(), turn.prompt(), TestEngines.tokens(9, 6), turn.version()));
      }
      Tier.HOST_ONLY.arrange(engine, new Random(5));
      tier.left.set(nth);
      Gradients logged = Gradients.of(engine, examples, Reuse.LOGGED);
      boolean lost = tier.left.get() <= 0;
      tier.left.set(Integer.MAX_VALUE);
      assertThat(Engine.await(engine.status()).cache().lostHostCopies() > 0).isEqualTo(lost);
      assertThat(logged.report().examples()).isEqualTo(examples.size());
      if (!lost) { // else to compute them again may have seemed faster
        assertThat(logged.report().reusedTokens()).isPositive();
      }
      logged.assertEquals(Gradients.of(engine, examples, Reuse.NONE));
      TestEngines.assertNothingHeld(engine);
      return lost;
    }
  }
}
