package io.alchemist.engine;

import io.alchemist.activation.RetentionStats;
import io.alchemist.cache.CacheStats;
import io.alchemist.cache.MoverStats;
import io.alchemist.serve.ServerStats;
import io.alchemist.train.GradientReport;
import java.util.List;

/**
 * How an engine is.
 *
 * @param liveVersion what new requests get
 * @param versions all at hand
 * @param server serving
 * @param cache the prefix tree
 * @param mover copies to the host
 * @param arenaBytes device memory that keys, values and activations share
 * @param kvBytes what keys and values have of it
 * @param activationBytes what recorded activations have of it
 * @param refusedRows prefill rows not recorded for want of memory
 * @param hostBytes host memory of activations
 * @param diskBytes disk behind it
 * @param deviceBytes device memory in all
 * @param devicePeakBytes the most it was
 * @param trainingJobs queued or under way, with the step if there is one
 * @param trainerPeakBytes the most device memory that training took
 * @param trained all examples whose gradient was added up
 * @param steps updates of the weights
 * @param meanLoss of the last update's batch; not a number before
 * @param times where its time went, and how well that was foretold
 * @param retention what is expected of feedback, and what has come
 */
public record EngineStatus(
    long liveVersion,
    List<Long> versions,
    ServerStats server,
    CacheStats cache,
    MoverStats mover,
    long arenaBytes,
    long kvBytes,
    long activationBytes,
    long refusedRows,
    long hostBytes,
    long diskBytes,
    long deviceBytes,
    long devicePeakBytes,
    int trainingJobs,
    long trainerPeakBytes,
    GradientReport trained,
    int steps,
    double meanLoss,
    StepTimes times,
    RetentionStats retention) {}
