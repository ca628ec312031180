package io.alchemist.train;

import static org.assertj.core.api.Assertions.assertThat;

import io.alchemist.activation.LoggedReader.Part;
import io.alchemist.train.Packer.Pack;
import io.alchemist.train.Piece.Source;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.ParameterSet;
import io.alchemist.weights.RopeConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * A micro-batch is cut into pieces. Its prompts: one of 96 tokens and two of 24 that were logged, one of 20 that was not; each
 * has an answer of 3, of which two are read.
 */
class PieceTest {
  private static final int PREDICTING = 4 * 3;
  private static final int HOLE = 19;
  private static final int SHORT = 2 * 23;
  private static final int LONG = 95;
  private static final Object NEW = "of new rows";

  private final LoggedPrompts logged = new LoggedPrompts();
  private final GradientSum nowhere = new GradientSum(ParameterSet.zeros(
      logged.ops,
      logged.ops.memory(),
      "gradient",
      List.of(),
      new ModelConfig("llama", 8, 4, 1, 1, 1, 4, 4, 0, RopeConfig.plain(10_000), 16, true),
      0));
  private Pack pack;
  private MicroBatch batch;

  @BeforeEach
  void serve() {
    List<TrainingExample> examples = new ArrayList<>();
    for (int length : new int[] {96, 24, 24, 20}) {
      int[] prompt = LoggedPrompts.range(100 * examples.size(), length);
      if (length > 20) {
        logged.serve(prompt);
      }
      examples.add(
          TrainingExample.completion("e" + examples.size(), prompt, new int[] {7, 8, 9}, 1));
    }
    pack = new Packer(
            logged.tree, 500, new GradientJob(examples, Reuse.LOGGED, nowhere), example -> 1)
        .next();
    batch = MicroBatch.plan(pack.examples(), pack.coverages());
    assertThat(batch.predictingRows()).isEqualTo(PREDICTING);
    assertThat(batch.newRows()).isEqualTo(PREDICTING + HOLE);
    assertThat(batch.rows()).isEqualTo(PREDICTING + HOLE + SHORT + LONG);
  }

  @AfterEach
  void close() {
    pack.close();
    nowhere.close();
    logged.close();
  }

  private List<Piece> cut(boolean last, int maxRows, IntFunction<Object> kinds) {
    return cut(last, maxRows, new Piece.Kinds(NEW, kinds, s -> false));
  }

  private List<Piece> cut(boolean last, int maxRows, Piece.Kinds all) {
    List<Piece> pieces = Piece.cut(logged.ops, logged.ops.memory(), batch, last, maxRows, all);
    pieces.forEach(Piece::close);
    int row = 0;
    for (Piece piece : pieces) {
      assertThat(piece.block().firstRow()).as("rows follow each other").isEqualTo(row);
      assertThat(piece.block().rows()).isBetween(1, maxRows);
      assertThat(piece.sources().stream().mapToInt(Source::rows).sum())
          .as("sources make up the piece")
          .isEqualTo(piece.block().rows());
      for (Source source : piece.sources()) {
        assertThat(source.isNew() || source.rows() == rowsOf(source.parts())).isTrue();
      }
      row += piece.block().rows();
    }
    assertThat(row).as("all rows are there").isEqualTo(batch.rows());
    return pieces;
  }

  private static int rowsOf(List<Part> parts) {
    return parts.stream().mapToInt(Part::count).sum();
  }

  private static List<Part> partsOf(List<Piece> pieces) {
    return pieces.stream()
        .flatMap(piece -> piece.sources().stream())
        .flatMap(source -> source.parts().stream())
        .toList();
  }

  private static List<List<Integer>> sources(List<Piece> pieces) {
    return pieces.stream()
        .map(piece -> piece.sources().stream().map(Source::rows).toList())
        .toList();
  }

  private static List<Integer> rows(List<Piece> pieces) {
    return pieces.stream().map(piece -> piece.block().rows()).toList();
  }

  @Test
  void newRowsAndShortStretchesShareAPieceAndALongOneHasItsOwn() {
    List<Piece> pieces = cut(false, 100, s -> NEW);
    assertThat(rows(pieces)).containsExactly(PREDICTING + HOLE + SHORT, LONG);
    assertThat(sources(pieces).get(0)).containsExactly(PREDICTING + HOLE, SHORT / 2, SHORT / 2);
    assertThat(pieces.get(0).isJoint()).isTrue();
    assertThat(pieces.get(1).isJoint()).isFalse();
    assertThat(pieces).allMatch(Piece::hasOutput);
    assertThat(Piece.count(batch, false, 100, Piece.Kinds.alike(s -> false))).isEqualTo(2);
  }

  @Test
  void whatIsLoadedIsBroughtTogetherByThat() {
    Piece.Kinds all = new Piece.Kinds(NEW, s -> NEW, s -> true);
    // Short stretches go with new rows all the same; then they are copied at once.
    assertThat(sources(cut(false, 100, all)))
        .containsExactly(List.of(PREDICTING + HOLE, SHORT), List.of(LONG));
    // A long one with short ones, but never with what would have it copied.
    Piece.Kinds apart = new Piece.Kinds("new", s -> NEW, s -> true);
    assertThat(sources(cut(false, 150, apart)))
        .containsExactly(List.of(PREDICTING + HOLE), List.of(SHORT + LONG));
    assertThat(cut(false, 150, apart)).noneMatch(Piece::isJoint);
    assertThat(sources(cut(false, 200, all)))
        .containsExactly(List.of(PREDICTING + HOLE, SHORT), List.of(LONG));
    assertThat(sources(cut(true, 150, all)))
        .containsExactly(List.of(PREDICTING), List.of(HOLE, SHORT), List.of(LONG));
    assertThat(Piece.count(batch, false, 100, Piece.Kinds.alike(s -> true))).isEqualTo(2);
  }

  @Test
  void whatIsLoadedAndWhatIsNotAreTwoSources() {
    assertThat(sources(cut(false, 100, new Piece.Kinds(NEW, s -> NEW, s -> s == 1))))
        .containsExactly(List.of(PREDICTING + HOLE, SHORT / 2, SHORT / 2), List.of(LONG));
    assertThat(sources(cut(false, 150, new Piece.Kinds("new", s -> NEW, s -> s > 0))))
        .containsExactly(List.of(PREDICTING + HOLE), List.of(SHORT / 2, SHORT / 2), List.of(LONG));
    assertThat(sources(cut(false, 30, new Piece.Kinds("new", s -> NEW, s -> true))))
        .containsExactly(
            List.of(30),
            List.of(PREDICTING + HOLE - 30),
            List.of(SHORT / 2),
            List.of(SHORT / 2),
            List.of(30),
            List.of(30),
            List.of(30),
            List.of(LONG - 90));
  }

  @Test
  void howShortIsShortDependsOnThePieces() {
    assertThat(rows(cut(false, 379, s -> NEW))).containsExactly(PREDICTING + HOLE + SHORT, LONG);
    assertThat(rows(cut(false, 384, s -> NEW))).containsExactly(PREDICTING + HOLE + SHORT + LONG);
  }

  @Test
  void whatIsReadInAnotherWayIsApart() {
    assertThat(rows(cut(false, 100, s -> "of what was logged")))
        .containsExactly(PREDICTING + HOLE, SHORT, LONG);
    assertThat(rows(cut(false, 100, s -> s)))
        .containsExactly(PREDICTING + HOLE, SHORT / 2, SHORT / 2, LONG);
  }

  @Test
  void inTheLastLayerOnlyWhatPredictsHasAnOutput() {
    List<Piece> pieces = cut(true, 100, s -> NEW);
    assertThat(rows(pieces)).containsExactly(PREDICTING, HOLE + SHORT, LONG);
    assertThat(pieces.stream().map(Piece::hasOutput)).containsExactly(true, false, false);
    assertThat(Piece.count(batch, true, 100, Piece.Kinds.alike(s -> false))).isEqualTo(3);
  }

  @Test
  void shortStretchesStayWholeAndLongOnesAndNewRowsAreCut() {
    List<Piece> pieces = cut(false, 30, s -> NEW);
    assertThat(rows(pieces))
        .containsExactly(30, PREDICTING + HOLE - 30 + SHORT / 2, SHORT / 2, 30, 30, 30, LONG - 90);
    assertThat(pieces.get(1).sources())
        .containsExactly(
            new Source(PREDICTING + HOLE - 30, List.of()),
            new Source(SHORT / 2, List.of(new Part(0, 0, SHORT / 2))));
  }

  @Test
  void partsComeInTheSameOrderInEachLayer() {
    for (int maxRows : new int[] {24, 30, 64, 100, 500}) {
      List<List<Part>> parts = new ArrayList<>();
      for (boolean last : new boolean[] {false, true}) {
        parts.add(partsOf(cut(last, maxRows, s -> NEW)));
      }
      assertThat(parts.get(0)).isEqualTo(parts.get(1));
      assertThat(rowsOf(parts.get(0))).isEqualTo(SHORT + LONG);
    }
  }
}
