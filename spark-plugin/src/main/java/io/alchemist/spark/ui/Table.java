package io.alchemist.spark.ui;

import java.util.List;

/** A table in Spark's look, with its head. */
final class Table {
  private Table() {}

  /**
   * Opens it up to its body; {@link #close} ends it.
   *
   * @param style further style classes
   * @param columns their names
   * @param numbers those of them whose cells are numbers, which stand to the right
   */
  static void open(Markup out, String style, List<String> columns, List<String> numbers) {
    out.open("div", "class", "alch-scroll");
    out.open("table", "class", "table table-bordered table-sm alch-table " + style);
    out.open("thead").open("tr");
    for (String column : columns) {
      out.leaf(
          "th", column, "scope", "col", "class", numbers.contains(column) ? "alch-number" : "");
    }
    out.close().close().open("tbody");
  }

  /** Ends the table. */
  static void close(Markup out) {
    out.close().close().close();
  }
}
