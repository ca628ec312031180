package io.alchemist.engine;

import io.alchemist.serve.SchedulerConfig;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * All an engine is told.
 *
 * @param deviceBytes device memory in all
 * @param cache memory for what tokens leave behind
 * @param scheduler limits of serving
 * @param latency what serving promises
 * @param learning what is trained; null serves only
 * @param keptVersions weight versions kept besides the live one
 * @param keptTurns turns whose tokens are remembered, for feedback to find
 * @param endOfTurn tokens that end a completion
 */
public record EngineConfig(
    long deviceBytes,
    CacheConfig cache,
    SchedulerConfig scheduler,
    LatencyTargets latency,
    @Nullable LearningConfig learning,
    int keptVersions,
    int keptTurns,
    Set<Integer> endOfTurn) {
  public EngineConfig {
    endOfTurn = Set.copyOf(endOfTurn);
  }
}
