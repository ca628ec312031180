package io.alchemist.train;

import io.alchemist.weights.ParameterPart;
import java.util.List;
import java.util.function.Consumer;

/** A walk over all parts of some parameters, in slices of about as many elements. */
public final class PartWalk {
  private final List<ParameterPart> parts;
  private final int sliceElements;
  private int at;

  /**
   * Begins before the first part.
   *
   * @param sliceElements no slice has more, unless a single part has
   */
  public PartWalk(List<ParameterPart> parts, int sliceElements) {
    this.parts = parts;
    this.sliceElements = sliceElements;
  }

  public boolean isDone() {
    return at == parts.size();
  }

  /** Elements of the next slice. */
  public int nextElements() {
    return next().stream().mapToInt(ParameterPart::elements).sum();
  }

  /** Does something to each part of the next slice. */
  public void runSlice(Consumer<ParameterPart> action) {
    List<ParameterPart> slice = next();
    slice.forEach(action);
    at += slice.size();
  }

  private List<ParameterPart> next() {
    int end = at;
    long elements = 0;
    while (end < parts.size()
        && (end == at || elements + parts.get(end).elements() <= sliceElements)) {
      elements += parts.get(end).elements();
      end++;
    }
    return parts.subList(at, end);
  }
}
