package io.alchemist.spark.ui;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Which page of a list is shown, and the links to the others. Immutable.
 *
 * @param parameter name of the request's parameter
 * @param page the page wished for, from 1 on; the nearest there is gets shown
 * @param others the request's other parameters, as a query string that ends in {@code &}; "" if there are none
 * @param size how long the list is
 */
record Pager(String parameter, int page, String others, int size) {
  static final int ROWS = 20;

  Pager {
    page = Math.max(1, Math.min(page, pages(size)));
  }

  /** The number that a request's parameter says; 1 if it says none. */
  static int number(@Nullable String parameter) {
    try {
      return parameter == null ? 1 : Integer.parseInt(parameter);
    } catch (NumberFormatException e) {
      return 1;
    }
  }

  /** The part of the list that is shown. */
  <T> List<T> page(List<T> all) {
    int from = Math.min((page - 1) * ROWS, all.size());
    return all.subList(from, Math.min(from + ROWS, all.size()));
  }

  /** Writes links to the first, previous, next and last page; nothing where there is only one. */
  void links(Markup out, String anchor) {
    int last = pages(size);
    if (last == 1) {
      return;
    }
    out.open("nav", "class", "alch-pager", "aria-label", "Pages of " + anchor);
    link(out, anchor, "« newest", 1, page > 1);
    link(out, anchor, "‹ newer", page - 1, page > 1);
    out.leaf("span", "page " + page + " of " + last);
    link(out, anchor, "older ›", page + 1, page < last);
    link(out, anchor, "oldest »", last, page < last);
    out.close();
  }

  private void link(Markup out, String anchor, String text, int to, boolean possible) {
    if (possible) {
      out.leaf("a", text, "href", "?" + others + parameter + "=" + to + "#" + anchor);
    } else {
      out.leaf("span", text, "class", "alch-dim", "aria-disabled", "true");
    }
  }

  private static int pages(int size) {
    return Math.max(1, (size + ROWS - 1) / ROWS);
  }
}
