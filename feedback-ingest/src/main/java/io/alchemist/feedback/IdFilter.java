package io.alchemist.feedback;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.util.sketch.BloomFilter;
import org.jspecify.annotations.Nullable;

/**
 * Says of most ids that a table does not have them, without asking it: a Bloom filter of fixed size. It is read from the table
 * once; later ids are told by the one process that appends them. Thread-safe.
 */
final class IdFilter {
  /** 3.8 MiB for one wrong yes in a hundred; with ten times as many ids nearly all are wrong, and the table is asked. */
  private static final long IDS = 3_355_443;

  private static final double WRONG = 0.01;

  private final Tables tables;
  private final Supplier<Dataset<Row>> all;
  private final Object lock = new Object();
  private @Nullable BloomFilter filter; // guarded by lock
  /** Ids that came while the table was read; null: it is not being read. Guarded by lock. */
  private @Nullable List<String> meanwhile;

  /**
   * Reads nothing yet.
   *
   * @param all the ids that the table has, in one column
   */
  IdFilter(Tables tables, Supplier<Dataset<Row>> all) {
    this.tables = tables;
    this.all = all;
  }

  /** Of these ids, those that the table may have. The first call reads the table. */
  Set<String> possible(Collection<String> ids) {
    if (ids.isEmpty()) {
      return Set.of();
    }
    load();
    synchronized (lock) {
      BloomFilter known = Objects.requireNonNull(filter);
      return ids.stream().filter(known::mightContainString).collect(Collectors.toSet());
    }
  }

  /** One at a time; those who add ids don't wait for it. */
  private synchronized void load() {
    synchronized (lock) {
      if (filter != null) {
        return;
      }
      meanwhile = new ArrayList<>();
    }
    BloomFilter read = null;
    try {
      // Spark makes no filter of nothing; the empty string is nobody's id.
      Dataset<Row> rows = all.get()
          .union(tables.spark().createDataset(List.of(""), Encoders.STRING()).toDF("id"));
      read = rows.stat().bloomFilter(rows.columns()[0], IDS, WRONG);
    } finally {
      synchronized (lock) {
        if (read != null) {
          Objects.requireNonNull(meanwhile).forEach(read::putString);
        }
        meanwhile = null;
        filter = read;
      }
    }
  }

  /** Ids that the table has from now on. */
  void add(Collection<String> ids) {
    synchronized (lock) {
      BloomFilter known = filter;
      if (known != null) {
        ids.forEach(known::putString);
      } else if (meanwhile != null) {
        meanwhile.addAll(ids);
      }
    }
  }
}
