package io.alchemist.tensor;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

/** Wrong arguments: every back end names the verb, the argument and what it expected. */
public abstract class OpsErrorContract {

  /** The back end under test, the same at each call; never closed. */
  protected abstract Ops ops();

  private static void refused(String message, ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(message);
  }

  @Test
  void wrongShapesAreNamed() {
    try (Device d = new Device(ops(), 1)) {
      Tensor a = d.zeros(2, 3);
      Tensor b = d.zeros(2, 4);
      Tensor row = d.zeros(1, 2);
      Tensor two = d.ints(0, 1);
      Tensor three = d.ints(0, 1, 0);
      Weight w = d.pack(d.zeros(5, 3));
      refused(
          "matmul: x is F32 (2, 4) but must have shape (2, 3)", () -> ops().matmul(1, b, w, 0, b));
      refused(
          "matmul: y is F32 (2, 4) but must have shape (2, 5)", () -> ops().matmul(1, a, w, 0, b));
      refused(
          "pack: matrix is F32 (2, 3) but must have shape (5, 3)", () -> ops().pack(a, w));
      refused("matmul: beta is 0.5 but must be 0 or 1", () -> ops()
          .matmul(1, a, w, 0.5f, d.zeros(2, 5)));
      refused("matmulInputGradient: dy is F32 (2, 4) but must have shape (2, 5)", () -> ops()
          .matmulInputGradient(1, b, w, 0, a));
      refused("matmulWeightGradient: dw", () -> ops().matmulWeightGradient(1, a, b, a));
      refused("embed: out is F32 (2, 4)", () -> ops().embed(w, two, b));
      refused("embed: ids is I32 (1, 3)", () -> ops().embed(w, three, a));
      refused("embed: ids holds 5, which is not in [0, 5)", () -> ops().embed(w, d.ints(0, 5), a));
      refused("embedGradient: dTable", () -> ops().embedGradient(two, a, b));
      refused("rmsNorm: gain", () -> ops().rmsNorm(a, d.zeros(1, 4), 0, a));
      refused(
          "rmsNormGradient: dGain", () -> ops().rmsNormGradient(a, d.zeros(1, 3), 0, a, a, row));
      refused("no whole number of heads", () -> ops().rope(a, two, d.zeros(9, 2)));
      refused("rope: positions is I32 (1, 3)", () -> ops().rope(b, three, d.zeros(9, 2)));
      refused("positions holds -1", () -> ops().rope(b, d.ints(0, -1), d.zeros(9, 2)));
      refused("swiGlu: up", () -> ops().swiGlu(a, b, a));
      refused("swiGluGradient: dUp", () -> ops().swiGluGradient(a, a, a, a, b));
      refused("softmaxStatistics: logSumExp", () -> ops()
          .softmaxStatistics(a, 0, two, d.zeros(1, 3), row));
      refused(
          "softmaxGradient: weights", () -> ops().softmaxGradient(a, 0, two, d.zeros(1, 3), row));
      refused("1 settings are given for F32 (2, 3)", () -> ops()
          .sample(a, new Sampling[] {Sampling.GREEDY}, two, row));
      refused("more tokens than there are", () -> ops()
          .topLogProbs(row.rows(0, 1), d.ints(0, 0, 0), d.zeros(1, 3)));
      refused("add: y", () -> ops().add(1, a, b));
      refused("addSquares: out is F32 (1, 2)", () -> ops().addSquares(a, row));
      refused("adamW: gradient", () -> ops().adamW(a, b, a, a, new AdamWStep(1, 0, 0, 0, 0, 1, 1)));
      refused("steps are counted from 1", () -> ops()
          .adamW(a, a, a, a, new AdamWStep(1, 0, 0, 0, 0, 0, 1)));
      refused("copy: to is F32 (2, 4)", () -> ops().copy(a, b));
      refused("scatterRows: rows holds 2", () -> ops().scatterRows(a, d.ints(0, 2), a));
      refused("gatherRows: rows is I32 (1, 3)", () -> ops().gatherRows(a, three, a));
      refused("upload: 2 numbers are given for F32 (2, 3)", () -> ops().upload(new float[2], a));
    }
  }

  @Test
  void wrongTypesAreNamed() {
    try (Device d = new Device(ops(), 1)) {
      Tensor a = d.zeros(1, 2);
      Tensor ids = d.ints(0, 1);
      refused("add: x is I32 (1, 2) but must be F32", () -> ops().add(1, ids, a));
      refused("read: from is I32 (1, 2) but must be F32", () -> ops().read(ids));
      refused("readInts: from is F32 (1, 2) but must be I32", () -> ops().readInts(a));
      refused("copy: to is I32 (1, 2) but must be F32", () -> ops().copy(a, ids));
      refused("upload: to is F32 (1, 2) but must be I32", () -> ops().upload(new int[2], a));
    }
  }

  @Test
  void batchesThatLeadOutsideAreNamed() {
    try (Device d = new Device(ops(), 1)) {
      Tensor q = d.zeros(3, 4);
      Tensor kv = d.zeros(8, 2);
      Tensor sums = d.zeros(3, 2);
      Tensor pages = d.ints(0, 3);
      Tensor keyRows = d.ints(0, 1, 2);
      refused("the query heads must be a multiple", () -> ops()
          .attention(q, kv, kv, batch(3, 3, d.ints(0, 3, 0, 0, 0), pages, keyRows), 3, q, sums));
      refused("has a path of 5 positions; maxPath is 3", () -> ops()
          .attention(q, kv, kv, batch(3, 3, d.ints(0, 3, 2, 0, 0), pages, keyRows), 2, q, sums));
      refused("needs pages 1 to 3 of 2", () -> ops()
          .attention(q, kv, kv, batch(3, 3, d.ints(0, 3, 0, 1, 0), pages, keyRows), 2, q, sums));
      refused("pages holds 4, which ends at slot 9 of 8", () -> ops()
          .attention(
              q, kv, kv, batch(3, 3, d.ints(0, 3, 0, 0, 0), d.ints(0, 4), keyRows), 2, q, sums));
      refused("the runs hold 2 query rows; the batch says 3", () -> ops()
          .attention(q, kv, kv, batch(3, 3, d.ints(0, 2, 0, 0, 0), pages, keyRows), 2, q, sums));
      refused("begins at query row 1", () -> ops()
          .attention(q, kv, kv, batch(3, 3, d.ints(1, 3, 0, 0, 0), pages, keyRows), 2, q, sums));
      refused("q is F32 (3, 4) but the batch has 2 query rows", () -> ops()
          .attention(q, kv, kv, batch(2, 3, d.ints(0, 2, 0, 0, 0), pages, keyRows), 2, q, sums));
      refused("needs key rows 1 to 4 of 3", () -> ops()
          .attentionGradient(
              q,
              kv,
              kv,
              batch(3, 3, d.ints(0, 3, 0, 0, 1), pages, keyRows),
              2,
              q,
              sums,
              q,
              q,
              kv,
              kv));
      refused("keyRows holds 8, which is not in [0, 8)", () -> ops()
          .attentionGradient(
              q,
              kv,
              kv,
              batch(3, 3, d.ints(0, 3, 0, 0, 0), pages, d.ints(0, 1, 8)),
              2,
              q,
              sums,
              q,
              q,
              kv,
              kv));
    }
  }

  /** One run, pages of two positions. */
  private static RaggedBatch batch(
      int queries, int maxPath, Tensor layout, Tensor pages, Tensor keyRows) {
    return new RaggedBatch(1, queries, 2, maxPath, layout, pages, keyRows);
  }
}
