package io.alchemist.text.jinja;

import java.util.AbstractList;
import java.util.List;

/** Python's tuple: a list that prints with parentheses and equals no list. */
final class Tuple extends AbstractList<Object> {
  private final List<Object> items;

  private Tuple(List<?> items) {
    this.items = List.copyOf(items);
  }

  static Tuple of(Object... items) {
    return new Tuple(List.of(items));
  }

  static Tuple copyOf(List<?> items) {
    return new Tuple(items);
  }

  @Override
  public Object get(int index) {
    return items.get(index);
  }

  @Override
  public int size() {
    return items.size();
  }
}
