package io.alchemist.feedback;

import static org.assertj.core.api.Assertions.assertThat;

import io.alchemist.feedback.VersionRecord.Status;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class VersionLogTest {

  static VersionRecord live(long version, @Nullable Long parent, long second) {
    return event(version, parent, Status.LIVE, second);
  }

  private static VersionRecord event(
      long version, @Nullable Long parent, Status status, long second) {
    return new VersionRecord(
        version,
        parent,
        status,
        parent == null ? null : "/adapters/" + version,
        parent == null ? null : "query",
        parent == null ? null : version,
        parent == null ? 0 : 16,
        parent == null ? null : 1.5,
        null,
        Samples.NOON.plusSeconds(second));
  }

  @Test
  void theNewestRowIsAVersionsState(@TempDir Path directory) {
    VersionLog log = new VersionLog(TestSpark.tables(directory));
    assertThat(log.live()).isEmpty();
    VersionRecord base = live(0, null, 0);
    // Of one moment: the order follows from the states.
    VersionRecord good = live(1, 0L, 1);
    log.append(List.of(good, event(1, 0L, Status.CANDIDATE, 1), base), new Txn("versions", 0));
    log.append(List.of(base), new Txn("versions", 0));
    assertThat(log.live()).contains(good);
    assertThat(log.all()).containsExactly(base, good);
    assertThat(log.checkLineage()).isEmpty();

    VersionRecord rejected = event(2, 1L, Status.REJECTED, 2);
    VersionRecord withdrawn = event(1, 0L, Status.ROLLED_BACK, 3);
    log.append(List.of(rejected, withdrawn), new Txn("versions", 1));
    assertThat(log.live()).contains(base);
    assertThat(log.all()).containsExactly(base, withdrawn, rejected);
    assertThat(log.checkLineage()).isEmpty();
  }

  @Test
  void brokenLineageIsNamed() {
    List<VersionRecord> events = List.of(
        live(0, null, 0),
        event(1, 0L, Status.CANDIDATE, 1),
        event(1, 0L, Status.REJECTED, 2),
        event(1, 0L, Status.LIVE, 3),
        live(2, 5L, 4),
        live(9, 8L, 5),
        event(9, 2L, Status.ROLLED_BACK, 6));

    assertThat(VersionLog.checkLineage(events))
        .containsExactly(
            "Version 1 went from REJECTED to LIVE.",
            "Version 2 has the parent 5, which is not older.",
            "Version 9 was trained from version 8, which had not served.",
            "Version 9 has two parents, 8 and 2.");
  }
}
