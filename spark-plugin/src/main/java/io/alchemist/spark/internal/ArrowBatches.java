package io.alchemist.spark.internal;

import java.util.Iterator;
import java.util.function.Consumer;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.execution.arrow.ArrowWriter;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.util.ArrowUtils;

/** Rows of a task as Arrow record batches. */
public final class ArrowBatches {
  private ArrowBatches() {}

  /**
   * Gives the rows to {@code batch} in record batches of at most so many, one after the other; each is valid during its call
   * only.
   *
   * @return how many batches there were
   */
  public static int forEach(
      Iterator<InternalRow> rows,
      StructType schema,
      int maxRows,
      Consumer<VectorSchemaRoot> batch) {
    int batches = 0;
    try (BufferAllocator allocator =
            ArrowUtils.rootAllocator().newChildAllocator("alchemist examples", 0, Long.MAX_VALUE);
        VectorSchemaRoot root = VectorSchemaRoot.create(
            ArrowUtils.toArrowSchema(schema, "UTC", true, false), allocator)) {
      ArrowWriter writer = ArrowWriter.create(root);
      int count = 0;
      while (rows.hasNext()) {
        writer.write(rows.next());
        count++;
        if (count == maxRows || !rows.hasNext()) {
          writer.finish();
          batch.accept(root);
          writer.reset();
          batches++;
          count = 0;
        }
      }
    }
    return batches;
  }
}
