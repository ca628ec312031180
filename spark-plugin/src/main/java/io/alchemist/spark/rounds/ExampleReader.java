package io.alchemist.spark.rounds;

import io.alchemist.engine.LoadedModel;
import io.alchemist.train.TrainingExample;
import java.nio.charset.StandardCharsets;
import java.util.function.LongUnaryOperator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.complex.ListVector;

/** Reads training examples from an Arrow record batch with the columns of a sorted batch of feedback. */
final class ExampleReader {
  private final LoadedModel model;
  private final LongUnaryOperator versionOf;
  private final VarCharVector ids;
  private final VarCharVector turns;
  private final BigIntVector versions;
  private final ListVector prompts;
  private final ListVector completions;
  private final VarCharVector targets;

  /**
   * Reads from a batch.
   *
   * @param versionOf at which version an example's gradient is taken, given the one that served it
   */
  ExampleReader(VectorSchemaRoot batch, LoadedModel model, LongUnaryOperator versionOf) {
    this.model = model;
    this.versionOf = versionOf;
    this.ids = (VarCharVector) batch.getVector("feedback_id");
    this.turns = (VarCharVector) batch.getVector("turn_id");
    this.versions = (BigIntVector) batch.getVector("version");
    this.prompts = (ListVector) batch.getVector("prompt");
    this.completions = (ListVector) batch.getVector("completion");
    this.targets = (VarCharVector) batch.getVector("target");
  }

  /** The feedback of a row. */
  String id(int row) {
    return new String(ids.get(row), StandardCharsets.UTF_8);
  }

  /**
   * The example of a row: its prompt with the corrected answer, or with the one that was served.
   *
   * @throws IllegalArgumentException when nothing can be learnt from it
   */
  TrainingExample example(int row) {
    int[] answer = targets.isNull(row)
        ? tokens(completions, row)
        : model.answerTokens(new String(targets.get(row), StandardCharsets.UTF_8));
    return TrainingExample.completion(
            id(row), tokens(prompts, row), answer, versionOf.applyAsLong(versions.get(row)))
        .ofTurn(new String(turns.get(row), StandardCharsets.UTF_8));
  }

  private static int[] tokens(ListVector lists, int row) {
    IntVector elements = (IntVector) lists.getDataVector();
    int start = lists.getElementStartIndex(row);
    int[] tokens = new int[lists.getElementEndIndex(row) - start];
    for (int i = 0; i < tokens.length; i++) {
      tokens[i] = elements.get(start + i);
    }
    return tokens;
  }
}
