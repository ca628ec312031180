package io.alchemist.text.jinja;

import java.util.List;

/** The variable {@code loop} of a for loop, at one iteration. */
record Loop(List<Object> items, int index0) {

  Object attribute(String name) {
    int size = items.size();
    return switch (name) {
      case "index" -> (long) index0 + 1;
      case "index0" -> (long) index0;
      case "revindex" -> (long) size - index0;
      case "revindex0" -> (long) size - index0 - 1;
      case "first" -> index0 == 0;
      case "last" -> index0 == size - 1;
      case "length" -> (long) size;
      case "previtem" ->
        index0 > 0
            ? items.get(index0 - 1)
            : new Undefined("there is no previous item; loop.previtem");
      case "nextitem" ->
        index0 < size - 1
            ? items.get(index0 + 1)
            : new Undefined("there is no next item; loop.nextitem");
      case "cycle" ->
        (Callable) (frame, arguments) -> {
          if (arguments.positional().isEmpty()) {
            throw TemplateException.render("loop.cycle() was given nothing to cycle through.");
          }
          return arguments.positional().get(index0 % arguments.positional().size());
        };
      default ->
        throw TemplateException.render("loop." + name
            + " is not supported; supported are index, index0, revindex, revindex0, first, last,"
            + " length, previtem, nextitem, cycle.");
    };
  }
}
