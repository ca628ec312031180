package io.alchemist.spark.rounds;

import io.alchemist.train.Reuse;
import io.alchemist.weights.AdapterData;
import java.io.Serializable;
import org.apache.spark.sql.types.StructType;

/**
 * At which weights executors take the gradient of their examples; broadcast to them.
 *
 * @param baseVersion the version that is live on the driver
 * @param atServedVersions whether each example's gradient is taken at the version that served it, where that is still at hand
 *     (the first step); else all at the draft
 * @param draftNumber number of the draft that {@code adapter} becomes where it is needed
 * @param adapter the values of the draft: those of the base version in the first step, the candidate's later
 * @param reuse where prompts' forward results come from
 * @param schema of the rows
 */
record GradientWork(
    long baseVersion,
    boolean atServedVersions,
    long draftNumber,
    AdapterData adapter,
    Reuse reuse,
    StructType schema)
    implements Serializable {}
