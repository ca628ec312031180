package io.alchemist.text.jinja;

/** A function, method or macro. */
@FunctionalInterface
interface Callable {
  Object call(Frame frame, Arguments arguments);
}
