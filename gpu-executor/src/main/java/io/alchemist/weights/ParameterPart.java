package io.alchemist.weights;

import io.alchemist.tensor.Tensor;
import io.alchemist.tensor.Weight;
import java.util.ArrayList;
import java.util.List;

/**
 * Some rows of a parameter's matrix, few enough to be worked on at a stretch.
 *
 * @param id whose
 * @param firstRow the first of them
 * @param rows how many
 * @param cols columns of the matrix
 */
public record ParameterPart(ParameterId id, int firstRow, int rows, int cols) {
  /** Elements that a part has at most, unless rows are so long that so few can't be laid out by themselves. */
  public static final int MAX_ELEMENTS = 1 << 20;

  /** The parts of a matrix, first rows first; each begins where a {@link Weight#slice} may. */
  static List<ParameterPart> of(ParameterId id, Tensor matrix) {
    return of(id, matrix.rows(), matrix.cols());
  }

  /** The parts of a matrix of the base model. */
  static List<ParameterPart> of(ParameterId id, ModelConfig config) {
    return of(id, id.rows(config, 0), id.cols(config, 0));
  }

  private static List<ParameterPart> of(ParameterId id, int rows, int cols) {
    int steps = Math.max(1, MAX_ELEMENTS / cols / Weight.SLICE_STEP);
    int most = steps * Weight.SLICE_STEP;
    List<ParameterPart> parts = new ArrayList<>();
    for (int first = 0; first < rows; first += most) {
      parts.add(new ParameterPart(id, first, Math.min(most, rows - first), cols));
    }
    return parts;
  }

  public int elements() {
    return rows * cols;
  }

  /** These rows in a set; a view. */
  public Tensor of(ParameterSet set) {
    return set.tensor(id).rows(firstRow, rows);
  }
}
