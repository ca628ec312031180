package io.alchemist.train;

import static org.assertj.core.api.Assertions.assertThat;

import io.alchemist.tensor.Ops;
import io.alchemist.train.MicroBatch.LoggedStretch;
import io.alchemist.train.MicroBatch.Run;
import io.alchemist.train.Packer.Pack;
import io.alchemist.train.PassGradient.Joined;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.ParameterSet;
import io.alchemist.weights.RopeConfig;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Examples are cut into micro-batches, and these into rows. */
class PackerTest {
  private final LoggedPrompts logged = new LoggedPrompts();
  private final Ops ops = logged.ops;
  private final GradientSum nowhere = new GradientSum(ParameterSet.zeros(
      ops,
      ops.memory(),
      "gradient",
      List.of(),
      new ModelConfig("llama", 8, 4, 1, 1, 1, 4, 4, 0, RopeConfig.plain(10_000), 16, true),
      0));

  @AfterEach
  void close() {
    nowhere.close();
    logged.close();
  }

  private static TrainingExample example(String id, long version, int[] prompt, int... answer) {
    return TrainingExample.completion(id, prompt, answer, version);
  }

  private Packer packer(int maxRows, Reuse reuse, TrainingExample... examples) {
    return new Packer(
        logged.tree,
        maxRows,
        new GradientJob(List.of(examples), reuse, nowhere),
        TrainingExample::version);
  }

  private static List<String> ids(Pack pack) {
    return pack.examples().stream().map(TrainingExample::id).toList();
  }

  private static List<List<String>> packs(Packer packer) {
    List<List<String>> all = new ArrayList<>();
    while (!packer.isEmpty()) {
      try (Pack pack = packer.next()) {
        all.add(ids(pack));
      }
    }
    return all;
  }

  @Test
  void packsHoldAsManyRowsAsFit() {
    assertThat(packs(packer(
            20,
            Reuse.NONE,
            example("c", 1, LoggedPrompts.range(30, 8), 1, 2),
            example("a", 1, LoggedPrompts.range(10, 8), 1, 2),
            example("b", 1, LoggedPrompts.range(20, 8), 1, 2))))
        .as("nine rows each")
        .containsExactly(List.of("a", "b"), List.of("c"));
  }

  @Test
  void anExampleThatFillsAPassAloneGoesAlone() {
    assertThat(packs(packer(
            9,
            Reuse.NONE,
            example("a", 1, LoggedPrompts.range(10, 8), 1, 2),
            example("b", 1, LoggedPrompts.range(9, 8), 1, 2))))
        .containsExactly(List.of("b"), List.of("a"));
  }

  @Test
  void versionsDoNotMix() {
    assertThat(packs(packer(
            100,
            Reuse.NONE,
            example("new", 2, LoggedPrompts.range(10, 8), 1),
            example("old", 1, LoggedPrompts.range(20, 8), 1),
            example("new too", 2, LoggedPrompts.range(30, 8), 1))))
        .containsExactly(List.of("old"), List.of("new", "new too"));
  }

  @Test
  void whatIsLoggedCountsOnceHoweverManyShareIt() {
    logged.serve(LoggedPrompts.range(10, 16));
    TrainingExample[] examples = new TrainingExample[4];
    for (int i = 0; i < 4; i++) {
      examples[i] = example("e" + i, 1, LoggedPrompts.range(10, 16), 50 + i, 60);
    }
    // 15 shared rows and 2 of its own for each.
    assertThat(packs(packer(23, Reuse.LOGGED, examples)))
        .containsExactly(List.of("e0", "e1", "e2", "e3"));
    assertThat(packs(packer(22, Reuse.LOGGED, examples)))
        .containsExactly(List.of("e0", "e1", "e2"), List.of("e3"));
    assertThat(packs(packer(34, Reuse.NONE, examples)))
        .containsExactly(List.of("e0", "e1"), List.of("e2", "e3"));
  }

  @Test
  void aSharedStretchThatGoesOnCountsItsFurtherRows() {
    logged.serve(LoggedPrompts.range(10, 16));
    Packer packer = packer(
        20,
        Reuse.LOGGED,
        example("short", 1, LoggedPrompts.range(10, 5), 90),
        example("long", 1, LoggedPrompts.range(10, 16), 91));
    try (Pack first = packer.next()) {
      assertThat(ids(first)).containsExactly("long", "short");
      MicroBatch batch = MicroBatch.plan(first.examples(), first.coverages());
      assertThat(batch.rows()).isEqualTo(17).isLessThanOrEqualTo(20);
    }
    assertThat(packs(packer(
            16,
            Reuse.LOGGED,
            example("short", 1, LoggedPrompts.range(10, 5), 1),
            example("long", 1, LoggedPrompts.range(10, 16), 91))))
        .as("4 rows and 1, then 11 more and 1")
        .containsExactly(List.of("short"), List.of("long"));
  }

  @Test
  void aPackThatBrokeOffComesAgainApartFromTheOthers() {
    Packer packer = packer(
        18,
        Reuse.NONE,
        example("a", 1, LoggedPrompts.range(10, 8), 1, 2),
        example("b", 1, LoggedPrompts.range(20, 8), 1, 2),
        example("c", 1, LoggedPrompts.range(30, 8), 1, 2));
    Pack first = packer.next();
    assertThat(first.joined()).isEqualTo(Joined.NOTHING);
    first.close();
    Joined some = new Joined(true, 2);
    packer.again(
        new Pack(1, first.examples().subList(0, 1), first.coverages(), Joined.NOTHING), some);
    try (Pack again = packer.next();
        Pack next = packer.next()) {
      assertThat(ids(again)).containsExactly("a");
      assertThat(again.joined()).isEqualTo(some);
      assertThat(ids(next)).as("though there was room").containsExactly("c");
      assertThat(next.joined()).isEqualTo(Joined.NOTHING);
    }
  }

  // ---- the rows of a micro-batch

  private MicroBatch plan(TrainingExample... examples) {
    try (Pack pack = packer(1000, Reuse.LOGGED, examples).next()) {
      return MicroBatch.plan(pack.examples(), pack.coverages());
    }
  }

  /** The tokens that each row sees are those of its example up to its position. */
  private static void assertPathsAreRight(MicroBatch batch) {
    for (int e = 0; e < batch.examples().size(); e++) {
      int[] path = batch.predicting().get(e).path();
      for (int p = 0; p < path.length; p++) {
        assertThat(batch.ids()[path[p]]).isEqualTo(batch.examples().get(e).tokens()[p]);
        assertThat(batch.positions()[path[p]]).isEqualTo(p);
      }
    }
    List<Run> all = new ArrayList<>(batch.predicting());
    all.addAll(batch.holes());
    batch.logged().stream().map(LoggedStretch::run).forEach(all::add);
    int row = 0;
    for (Run run : all) {
      assertThat(run.firstRow()).isEqualTo(row);
      for (int i = 0; i < run.count(); i++) {
        assertThat(run.path()[run.from() + i]).isEqualTo(row + i);
      }
      row += run.count();
    }
    assertThat(row).isEqualTo(batch.rows());
  }

  @Test
  void predictingRowsComeFirstThenHolesThenWhatIsLogged() {
    logged.serve(1, LoggedPrompts.range(10, 16), 6, 16); // positions 0 to 5 were not recorded
    MicroBatch batch = plan(
        example("a", 1, LoggedPrompts.range(10, 16), 90, 91),
        example("b", 1, LoggedPrompts.range(10, 16), 7));
    assertThat(batch.predictingRows()).as("the last prompt token predicts").isEqualTo(3);
    assertThat(batch.holes()).hasSize(1).allMatch(run -> run.from() == 0 && run.count() == 6);
    assertThat(batch.newRows()).as("both have the hole").isEqualTo(3 + 6);
    assertThat(batch.logged()).hasSize(1);
    assertThat(batch.logged().get(0).run().from()).isEqualTo(6);
    assertThat(batch.logged().get(0).run().count()).isEqualTo(9);
    assertThat(batch.rows()).isEqualTo(3 + 6 + 9);
    assertThat(batch.recomputedTokens()).isEqualTo(12);
    assertThat(batch.reusedTokens()).isEqualTo(18);
    assertPathsAreRight(batch);
  }

  @Test
  void branchesShareTheRowsOfTheirPrefix() {
    int[] shared = LoggedPrompts.range(10, 10);
    int[] left = concat(shared, LoggedPrompts.range(40, 7));
    int[] right = concat(shared, LoggedPrompts.range(60, 5));
    logged.serve(left);
    logged.serve(right);
    MicroBatch batch =
        plan(example("l", 1, left, 1), example("r", 1, right, 2), example("again", 1, left, 3, 4));
    // Shared by whole pages only: 8 tokens of the prefix; then each branch its own rows.
    assertThat(batch.predictingRows()).isEqualTo(4);
    assertThat(batch.newRows()).isEqualTo(4);
    assertThat(batch.rows()).isEqualTo(4 + 8 + 8 + 6);
    assertPathsAreRight(batch);
  }

  @Test
  void promptsThatWereNotLoggedShareTheRowsOfTheirBeginning() {
    int[] shared = LoggedPrompts.range(10, 10);
    TrainingExample left = example("l", 1, concat(shared, LoggedPrompts.range(40, 7)), 1);
    TrainingExample right = example("r", 1, concat(shared, LoggedPrompts.range(60, 5)), 2);
    MicroBatch batch = plan(right, left);
    assertThat(batch.holes()).extracting(Run::from).containsExactly(0, 10);
    assertThat(batch.newRows()).isEqualTo(2 + 16 + 4);
    assertThat(batch.recomputedTokens()).as("of each").isEqualTo(16 + 14);
    assertThat(batch.reusedTokens()).isZero();
    assertPathsAreRight(batch);

    assertThat(packs(packer(22, Reuse.LOGGED, left, right))).containsExactly(List.of("l", "r"));
    assertThat(packs(packer(21, Reuse.LOGGED, left, right)))
        .containsExactly(List.of("l"), List.of("r"));
    assertThat(packs(packer(22, Reuse.NONE, left, right)))
        .as("a trainer that looks at no log")
        .containsExactly(List.of("l"), List.of("r"));
  }

  /** A conversation's next turn has the answer before in its prompt. */
  @Test
  void theNextTurnHasTheRowsOfTheOneBefore() {
    int[] first = LoggedPrompts.range(10, 8);
    int[] answered = concat(first, new int[] {90, 91, 92});
    TrainingExample one = example("1", 1, first, 90, 91, 92);
    TrainingExample two = example("2", 1, concat(answered, LoggedPrompts.range(50, 5)), 7);
    MicroBatch batch = plan(one, two);
    // Of the first turn 7 rows and 3 that predict; the next sees these, and has 5 of its own and 1
    // that predicts.
    assertThat(batch.predictingRows()).isEqualTo(3 + 1);
    assertThat(batch.newRows()).isEqualTo(4 + 7 + 5);
    assertPathsAreRight(batch);
  }

  private static int[] concat(int[] a, int[] b) {
    int[] all = Arrays.copyOf(a, a.length + b.length);
    System.arraycopy(b, 0, all, a.length, b.length);
    return all;
  }

  @Test
  void onlyTokensWithAWeightHaveALoss() {
    MicroBatch batch =
        plan(new TrainingExample("a", new int[] {5, 6, 7, 8, 9}, new float[] {0, 0, 1, 0, -2}, 1));
    assertThat(batch.predictingRows()).isEqualTo(3);
    assertThat(batch.lossRows()).containsExactly(0, 2);
    assertThat(batch.targets()).containsExactly(7, 9);
    assertThat(batch.lossWeights()).containsExactly(1, -2);
    assertThat(batch.holes()).hasSize(1);
    assertPathsAreRight(batch);
  }

  @Test
  void tokensAfterTheLastWeightDoNotGoThroughTheModel() {
    MicroBatch batch =
        plan(new TrainingExample("a", new int[] {5, 6, 7, 8, 9}, new float[] {0, 1, 0, 0, 0}, 1));
    assertThat(batch.rows()).isEqualTo(1);
    assertThat(batch.targets()).containsExactly(6);
  }
}
