package io.alchemist.spark.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.arrow.vector.VarCharVector;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.util.ArrowUtils;
import org.apache.spark.unsafe.types.UTF8String;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ArrowBatchesTest {
  private static final StructType SCHEMA = new StructType().add("id", "string");

  private static List<InternalRow> rows(int count) {
    return IntStream.range(0, count)
        .<InternalRow>mapToObj(
            i -> new GenericInternalRow(new Object[] {UTF8String.fromString("row " + i)}))
        .toList();
  }

  @ParameterizedTest
  @CsvSource({"0, 0", "1, 1", "9, 1", "10, 1", "11, 2", "30, 3"})
  void cutsRowsIntoBatches(int count, int batches) {
    List<String> seen = new ArrayList<>();
    List<Integer> sizes = new ArrayList<>();
    assertThat(ArrowBatches.forEach(rows(count).iterator(), SCHEMA, 10, batch -> {
          sizes.add(batch.getRowCount());
          VarCharVector ids = (VarCharVector) batch.getVector("id");
          for (int i = 0; i < batch.getRowCount(); i++) {
            seen.add(ids.getObject(i).toString());
          }
        }))
        .isEqualTo(batches);
    assertThat(seen)
        .isEqualTo(IntStream.range(0, count).mapToObj(i -> "row " + i).toList());
    assertThat(sizes).hasSize(batches).allMatch(size -> size > 0 && size <= 10);
  }

  @Test
  void givesItsMemoryBackAlsoAfterAFailure() {
    long before = ArrowUtils.rootAllocator().getAllocatedMemory();
    assertThatThrownBy(() -> ArrowBatches.forEach(rows(20).iterator(), SCHEMA, 10, batch -> {
          throw new IllegalStateException("the engine is gone");
        }))
        .hasMessage("the engine is gone");
    assertThat(ArrowUtils.rootAllocator().getAllocatedMemory()).isEqualTo(before);
  }
}
