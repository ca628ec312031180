package io.alchemist.feedback;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.TreeMap;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.Test;

/** docs/tables.md is written by this test, and compared with what it would write now. */
class TableDocsTest {
  private static final Path PAGE = Path.of("..", "docs", "tables.md");
  private static final String UPDATE = "alchemist.update-docs";

  @Test
  void theTablesPageIsUpToDate() throws IOException {
    String page = page();
    if (Boolean.getBoolean(UPDATE)) {
      Files.writeString(PAGE, page);
    }
    assertThat(PAGE)
        .as(
            "docs/tables.md is generated; write it anew by: mvn -pl feedback-ingest test -Dtest=TableDocsTest -D%s=true",
            UPDATE)
        .content()
        .isEqualTo(page);
  }

  private static String page() {
    StringBuilder page = new StringBuilder(
        """
        # Tables

        Delta tables, each in a directory of its name in the warehouse. This page is generated from the code (`Table`).
        Columns without "null" are never null. Anybody may append to `feedback`, by INSERT or any other append: what a MERGE or UPDATE
        writes is not read. Alchemist alone writes the others, but for a [rollback](operations.md#rolling-back), which is a row in `versions`.
        """);
    for (Table table : Table.values()) {
      page.append("\n## ")
          .append(table.tableName())
          .append("\n\n")
          .append(table.comment())
          .append("\n\n");
      page.append("| column | type | meaning |\n|---|---|---|\n");
      for (StructField field : table.schema().fields()) {
        row(page, "", field);
      }
      page.append("\nProperties:");
      new TreeMap<>(table.properties())
          .forEach((name, value) ->
              page.append(" `").append(name).append('=').append(value).append('`'));
      page.append("\n");
      if (table == Table.QUARANTINE) {
        page.append("\n| reason | meaning |\n|---|---|\n");
        for (Reason reason : Reason.values()) {
          page.append("| `")
              .append(reason)
              .append("` | ")
              .append(reason.meaning())
              .append(" |\n");
        }
      }
    }
    return page.toString();
  }

  private static void row(StringBuilder page, String prefix, StructField field) {
    boolean nested =
        field.dataType() instanceof ArrayType array && array.elementType() instanceof StructType;
    page.append("| `")
        .append(prefix)
        .append(field.name())
        .append("` | ")
        .append(nested ? "array of" : field.dataType().simpleString())
        .append(field.nullable() && prefix.isEmpty() ? ", null" : "")
        .append(" | ")
        .append(field.getComment().get())
        .append(" |\n");
    if (field.dataType() instanceof ArrayType array
        && array.elementType() instanceof StructType struct) {
      for (StructField inner : struct.fields()) {
        row(page, prefix + field.name() + "[].", inner);
      }
    }
  }
}
