package io.alchemist.train;

/** What a slice of learning does. Those of one kind take time in proportion to the rows, or elements, that they go through. */
public sealed interface Slice permits SliceKind, UpdateKind {
  String name();
}
