package io.alchemist.text.jinja;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a function, filter or test was called with.
 *
 * @param function its name, for errors
 * @param positional arguments by place
 * @param named arguments by name
 */
record Arguments(String function, List<Object> positional, Map<String, Object> named) {

  /** Fails unless all arguments are among the given parameters, in their order. */
  Arguments allow(String... parameters) {
    if (positional.size() > parameters.length) {
      throw TemplateException.render(function + " takes at most " + parameters.length
          + " arguments, not " + positional.size() + ".");
    }
    for (String name : named.keySet()) {
      if (!List.of(parameters).contains(name)) {
        throw TemplateException.render(function + " has no argument '" + name + "'.");
      }
    }
    return this;
  }

  @Nullable
  Object optional(int index, String name) {
    return index < positional.size() ? positional.get(index) : named.get(name);
  }

  Object required(int index, String name) {
    Object value = optional(index, name);
    if (value == null) {
      throw TemplateException.render(function + " lacks its argument '" + name + "'.");
    }
    return value;
  }

  String text(int index, String name) {
    return asText(required(index, name), name);
  }

  /** Null where absent or None. */
  @Nullable
  String optionalText(int index, String name) {
    Object value = optional(index, name);
    return value == null || value == None.NONE ? null : asText(value, name);
  }

  long integer(int index, String name, long otherwise) {
    Object value = optional(index, name);
    if (value == null || value == None.NONE) {
      return otherwise;
    }
    if (value instanceof Long number) {
      return number;
    }
    throw TemplateException.render("argument '" + name + "' of " + function + " is "
        + Values.typeName(value) + ", not an integer.");
  }

  boolean truth(int index, String name) {
    Object value = optional(index, name);
    return value != null && Values.truth(value);
  }

  private String asText(Object value, String name) {
    if (value instanceof String text) {
      return text;
    }
    throw TemplateException.render("argument '" + name + "' of " + function + " is "
        + Values.typeName(value) + ", not a string.");
  }
}
