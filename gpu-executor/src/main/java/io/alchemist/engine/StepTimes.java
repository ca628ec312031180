package io.alchemist.engine;

import io.alchemist.train.Slice;
import io.alchemist.train.SliceKind;
import io.alchemist.train.UpdateKind;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;

/**
 * What the engine's time went to, and how well the times of steps and slices were foretold.
 *
 * @param servingNanos of all steps of serving
 * @param trainingNanos of all slices of training
 * @param errors relative error of the predicted time, a running mean, not a number before two were seen. By kind: steps with
 *     prefill, steps that only decode, and the slices of training, see {@link #KINDS}
 * @param stepError the same of all steps of serving, where each kind counts by the time that it took
 * @param sliceError likewise of all slices of training
 */
public record StepTimes(
    long servingNanos,
    long trainingNanos,
    Map<String, Double> errors,
    double stepError,
    double sliceError) {
  /** Kinds of steps and slices whose time is predicted. */
  public static final List<String> KINDS = Stream.of(
          Stream.of("prefill", "decode"),
          Arrays.stream(SliceKind.values()).map(StepTimes::kind),
          Arrays.stream(UpdateKind.values()).map(StepTimes::kind))
      .flatMap(kinds -> kinds)
      .toList();

  public StepTimes {
    errors = Map.copyOf(errors);
  }

  /** The kind of a slice, as among {@link #KINDS}. */
  static String kind(Slice slice) {
    return slice.name().toLowerCase(Locale.ROOT);
  }
}
