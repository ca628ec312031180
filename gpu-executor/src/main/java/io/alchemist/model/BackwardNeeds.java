package io.alchemist.model;

import io.alchemist.model.Activations.Field;
import io.alchemist.weights.LinearLayer;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.ParameterId;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/**
 * How far down the backward pass of a layer goes, and so which activations it reads: no more is worth keeping.
 *
 * @param feedForward whether anything in the layer or below is trained
 * @param attended whether attention's output is read for the gradient of its projection
 * @param mid whether the gradient of the residual after attention is wanted
 * @param projections whether the gradient of queries, keys and values is wanted
 * @param input whether the gradient of the layer's input is wanted
 * @param ffnInput whether the input of gate and up is read
 */
public record BackwardNeeds(
    boolean feedForward,
    boolean attended,
    boolean mid,
    boolean projections,
    boolean input,
    boolean ffnInput) {

  /**
   * Of a layer.
   *
   * @param trained the parameters that get a gradient
   */
  public static BackwardNeeds of(int layer, Set<ParameterId> trained) {
    boolean input = trained.contains(ParameterId.EMBEDDING)
        || trained.stream().anyMatch(id -> id.layer() >= 0 && id.layer() < layer);
    boolean projections = input
        || trained.contains(ParameterId.attentionNorm(layer))
        || LinearMath.needsInput(layer, LinearLayer.Q, trained::contains)
        || LinearMath.needsInput(layer, LinearLayer.K, trained::contains)
        || LinearMath.needsInput(layer, LinearLayer.V, trained::contains);
    boolean output = LinearMath.needsInput(layer, LinearLayer.O, trained::contains);
    boolean mid = projections || output;
    boolean ffnInput = mid
        || trained.contains(ParameterId.ffnNorm(layer))
        || LinearMath.needsInput(layer, LinearLayer.GATE, trained::contains)
        || LinearMath.needsInput(layer, LinearLayer.UP, trained::contains);
    boolean feedForward =
        ffnInput || LinearMath.needsInput(layer, LinearLayer.DOWN, trained::contains);
    return new BackwardNeeds(feedForward, output || projections, mid, projections, input, ffnInput);
  }

  /** Of each layer of a model. */
  public static List<BackwardNeeds> ofLayers(ModelConfig config, Set<ParameterId> trained) {
    List<BackwardNeeds> all = new ArrayList<>();
    for (int layer = 0; layer < config.layers(); layer++) {
      all.add(of(layer, trained));
    }
    return all;
  }

  /**
   * What is read of a prompt's rows, layer by layer: in the last one they predict nothing, so only their keys and values matter.
   *
   * @param needs of each layer
   */
  public static List<Set<Field>> promptFields(List<BackwardNeeds> needs) {
    List<Set<Field>> fields = new ArrayList<>();
    for (BackwardNeeds layer : needs) {
      fields.add(layer.fields(fields.size() < needs.size() - 1));
    }
    return fields;
  }

  /**
   * What {@link Transformer#backwardOutput} and {@link Transformer#backwardInput} read of rows.
   *
   * @param active whether their output has a gradient; of others only keys and values have one
   */
  public Set<Field> fields(boolean active) {
    Set<Field> fields = EnumSet.noneOf(Field.class);
    if (projections) {
      fields.add(Field.X);
    }
    if (!active) {
      return fields;
    }
    if (projections) {
      fields.add(Field.Q);
      fields.add(Field.LOG_SUM_EXP);
    }
    if (attended) {
      fields.add(Field.ATTENDED);
    }
    if (ffnInput) {
      fields.add(Field.MID);
    }
    if (feedForward) {
      fields.add(Field.GATE);
      fields.add(Field.UP);
    }
    return fields;
  }

  /** What {@link Transformer#backwardOutput} alone reads of rows whose output has a gradient. */
  public Set<Field> outputFields() {
    Set<Field> fields = fields(true);
    fields.remove(Field.X);
    return fields;
  }

  /** What of {@code kept} is read for {@link Transformer#backwardOutput}: the input only where others are made of it. */
  public Set<Field> readByOutput(Set<Field> kept) {
    Set<Field> missing = missing(outputFields(), kept);
    Set<Field> read = EnumSet.noneOf(Field.class);
    read.addAll(kept);
    if (!isFromInput(missing)) {
      read.remove(Field.X);
    }
    return read;
  }

  /** What has to be computed again: what is needed and not kept, and what that is made of. */
  public static Set<Field> missing(Set<Field> needed, Set<Field> kept) {
    Set<Field> missing = EnumSet.noneOf(Field.class);
    missing.addAll(needed);
    missing.removeAll(kept);
    if ((missing.contains(Field.GATE) || missing.contains(Field.UP)) && !kept.contains(Field.MID)) {
      missing.add(Field.MID);
    }
    if (missing.contains(Field.MID) && !kept.contains(Field.ATTENDED)) {
      missing.add(Field.ATTENDED);
    }
    if (missing.contains(Field.ATTENDED) || missing.contains(Field.LOG_SUM_EXP)) {
      // One operation gives both.
      missing.add(Field.ATTENDED);
      missing.add(Field.LOG_SUM_EXP);
      if (!kept.contains(Field.Q)) {
        missing.add(Field.Q);
      }
    }
    return missing;
  }

  /** Whether {@code missing} can be computed from what was kept. */
  public static boolean canRestore(Set<Field> missing, Set<Field> kept) {
    return !isFromInput(missing) || kept.contains(Field.X);
  }

  private static boolean isFromInput(Set<Field> missing) {
    return missing.contains(Field.Q) || missing.contains(Field.MID);
  }
}
