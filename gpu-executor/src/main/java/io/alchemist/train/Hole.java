package io.alchemist.train;

import io.alchemist.cache.Covered;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Positions of an example's prompt that are forwarded again, since nothing was logged of them.
 *
 * @param from the first
 * @param to behind the last
 */
record Hole(int from, int to) {

  /**
   * Those of an example.
   *
   * @param logged what was logged of its prompt, in order
   */
  static List<Hole> of(TrainingExample example, List<Covered> logged) {
    List<Hole> holes = new ArrayList<>();
    int next = 0;
    for (Covered run : logged) {
      if (run.from() > next) {
        holes.add(new Hole(next, run.from()));
      }
      next = run.from() + run.count();
    }
    if (example.firstPredicting() > next) {
      holes.add(new Hole(next, example.firstPredicting()));
    }
    return holes;
  }

  /**
   * Where the part of this hole ends, from its beginning on, that can have the rows of another example: up to there both
   * have the same tokens, and the other one's are forwarded too. Examples in token order have most in common with the one before.
   *
   * @param loggedOfOther what was logged of the other's prompt, in order
   */
  int sharedEnd(TrainingExample example, TrainingExample other, List<Covered> loggedOfOther) {
    int most = Math.min(to, other.inputLength());
    int different = Arrays.mismatch(example.tokens(), 0, most, other.tokens(), 0, most);
    int end = different < 0 ? most : different;
    for (Covered run : loggedOfOther) {
      if (run.from() + run.count() > from) {
        end = Math.min(end, run.from());
        break;
      }
    }
    return Math.max(from, end);
  }
}
