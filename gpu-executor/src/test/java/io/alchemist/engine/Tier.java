package io.alchemist.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.alchemist.cache.CacheStats;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/** Where what serving recorded is when training reads it. */
enum Tier {
  /** Nothing left the device. */
  DEVICE,
  /** Recorded where memory was short: layers by different plans, and moved to the host to make room. */
  SHORT,
  /** All activations are on the host, keys and values still on the device. */
  HOST,
  /** All on the host, keys and values too. */
  HOST_ONLY,
  /** Host memory holds a block or two; the rest is on disk. */
  DISK,
  /** Some on the device, some on the host, some gone, keys and values likewise. */
  MIXED,
  /** Believed to be on the host, but some blocks are not there any more. */
  PARTLY_LOST,
  /** Nothing is left. */
  GONE;

  private static final Duration LIMIT = Duration.ofSeconds(20);

  CacheConfig cache(int pageTokens, int kvTokens, @Nullable Path directory) {
    return switch (this) {
      case DEVICE, GONE -> new CacheConfig(pageTokens, kvTokens, 16L << 20, 0, 0, null);
      case SHORT -> new CacheConfig(pageTokens, kvTokens, 150_000, 64L << 20, 0, null);
      case HOST, HOST_ONLY, MIXED, PARTLY_LOST ->
        new CacheConfig(pageTokens, kvTokens, 16L << 20, 64L << 20, 0, null);
      // A layer of the longest prompt, with everything, is one block of 80 KB.
      case DISK -> new CacheConfig(pageTokens, kvTokens, 16L << 20, 96 << 10, 64L << 20, directory);
    };
  }

  /** Moves what was recorded to where it is to be. */
  void arrange(Engine engine, Random random) {
    switch (this) {
      case DEVICE, SHORT -> {}
      case HOST, DISK -> offloadAll(engine);
      case HOST_ONLY -> {
        offloadAll(engine);
        Engine.await(engine.inspect(e -> e.tree().evictPages(Integer.MAX_VALUE)));
        assertThat(cache(engine).kvTokens()).isZero();
      }
      case MIXED -> {
        offloadHalf(engine);
        evictActivations(engine, random.nextInt(400_000));
        Engine.await(engine.inspect(e -> e.tree().evictPages(random.nextInt(400))));
      }
      case PARTLY_LOST -> {
        offloadAll(engine);
        int every = 3 + random.nextInt(8);
        Engine.await(engine.inspect(e -> {
          for (int id = random.nextInt(every); id < 10_000; id += every) {
            e.host().remove(id);
          }
          return true;
        }));
      }
      case GONE -> {
        Engine.await(engine.inspect(e -> e.tree().evictPages(Integer.MAX_VALUE)));
      }
    }
  }

  private static void offloadAll(Engine engine) {
    await()
        .atMost(LIMIT)
        .pollInterval(Duration.ofMillis(5))
        .until(() -> Engine.await(engine.offload(0)) == 0);
  }

  private static void offloadHalf(Engine engine) {
    long all = cache(engine).uncopiedActivationBytes();
    await().atMost(LIMIT).pollInterval(Duration.ofMillis(5)).until(() -> {
      Engine.await(engine.inspect(e -> {
        e.mover().balance(all / 2, all / 2);
        return true;
      }));
      EngineStatus status = Engine.await(engine.status());
      return status.mover().queued() == 0 && status.cache().uncopiedActivationBytes() <= all / 2;
    });
    evictActivations(engine, all / 4);
  }

  /** Gives up activations, and here nothing else, until they hold so many bytes less. */
  private static void evictActivations(Engine engine, long bytes) {
    Engine.await(engine.inspect(e -> {
      long left = e.arena().activationBytes() - bytes;
      boolean more = true;
      while (more && e.arena().activationBytes() > left) {
        more = e.tree().evictForActivations(Double.POSITIVE_INFINITY);
      }
      return more;
    }));
  }

  static CacheStats cache(Engine engine) {
    return Engine.await(engine.status()).cache();
  }
}
