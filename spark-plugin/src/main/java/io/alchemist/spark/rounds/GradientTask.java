package io.alchemist.spark.rounds;

import io.alchemist.engine.Engine;
import io.alchemist.spark.executor.EngineHolder;
import io.alchemist.spark.executor.ExecutorEngine;
import io.alchemist.spark.fleet.Packed;
import io.alchemist.spark.internal.ArrowBatches;
import io.alchemist.train.TrainingExample;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import java.util.function.LongUnaryOperator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.spark.SparkEnv;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.catalyst.InternalRow;

/**
 * Runs on an executor: its rows become Arrow record batches, these become examples, and the engine of the executor takes their gradient,
 * from what it logged where it served them. On another executor than planned all is recomputed, with the same result.
 */
final class GradientTask implements FlatMapFunction<Iterator<InternalRow>, GradientPart> {
  private static final long serialVersionUID = 1L;
  private static final int MAX_BATCH_ROWS = 256;

  private final Broadcast<Packed<GradientWork>> broadcast;

  GradientTask(Broadcast<Packed<GradientWork>> broadcast) {
    this.broadcast = broadcast;
  }

  @Override
  public Iterator<GradientPart> call(Iterator<InternalRow> rows) throws InterruptedException {
    GradientPart part = new GradientPart(SparkEnv.get().executorId());
    if (rows.hasNext()) {
      take(EngineHolder.await(), rows, broadcast.value().value(), part);
    }
    return List.of(part).iterator();
  }

  private static void take(
      ExecutorEngine engine, Iterator<InternalRow> rows, GradientWork work, GradientPart part) {
    Set<Long> atHand = new HashSet<>(Engine.await(engine.engine().versions()));
    // The first step's draft has the weights of the base version, for an executor that is behind.
    if (work.atServedVersions() && atHand.contains(work.baseVersion())) {
      takeAt(
          engine,
          rows,
          served -> atHand.contains(served) ? served : work.baseVersion(),
          work,
          part);
      return;
    }
    try (ExecutorEngine.Draft draft = engine.draft(work.draftNumber(), work.adapter())) {
      takeAt(
          engine,
          rows,
          served -> work.atServedVersions() && atHand.contains(served) ? served : draft.number(),
          work,
          part);
    }
  }

  private static void takeAt(
      ExecutorEngine engine,
      Iterator<InternalRow> rows,
      LongUnaryOperator versionOf,
      GradientWork work,
      GradientPart part) {
    int unused = ArrowBatches.forEach(
        rows, work.schema(), MAX_BATCH_ROWS, batch -> add(engine, batch, versionOf, work, part));
  }

  private static void add(
      ExecutorEngine engine,
      VectorSchemaRoot batch,
      LongUnaryOperator versionOf,
      GradientWork work,
      GradientPart part) {
    ExampleReader reader = new ExampleReader(batch, engine.model(), versionOf);
    List<TrainingExample> examples = new ArrayList<>();
    for (int row = 0; row < batch.getRowCount(); row++) {
      try {
        TrainingExample example = reader.example(row);
        engine.engine().check(example);
        examples.add(example);
      } catch (IllegalArgumentException e) {
        part.refuse(reader.id(row), String.valueOf(e.getMessage()));
      }
    }
    if (!examples.isEmpty()) {
      part.add(Engine.await(engine.engine().gradient(examples, work.reuse())));
    }
  }
}
