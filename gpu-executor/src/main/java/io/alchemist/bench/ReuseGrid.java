package io.alchemist.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** The points that the reuse benchmark measures. */
final class ReuseGrid {
  private ReuseGrid() {}

  /** What is trained. */
  enum Mode {
    LORA,
    FULL
  }

  /**
   * How long examples are, prompt and answer together.
   *
   * <p>Means of ShareGPT's conversations (161 tokens in, 338 out, Kwon et al. 2023, arXiv 2309.06180) and of the Azure LLM
   * inference trace 2023, conversations (1,155 in, 211 out, Patel et al. 2024, arXiv 2311.18677).
   */
  enum Lengths {
    CHAT(499, 4),
    AZURE(1366, 2),
    LONG(4096, 1);

    private final int tokens;
    private final int examples;

    Lengths(int tokens, int examples) {
      this.tokens = tokens;
      this.examples = examples;
    }

    /** Tokens of an example that the model reads: all but the last. */
    int tokens() {
      return tokens;
    }

    /** Examples of a batch. */
    int examples() {
      return examples;
    }
  }

  /** Where the activations are when training reads them. */
  enum Memory {
    DEVICE(1),
    HALF(0.5),
    HOST(0),
    /** Host memory has room for one layer of them, the others are on disk. */
    DISK(0);

    private final double onDevice;

    Memory(double onDevice) {
      this.onDevice = onDevice;
    }

    /** Share on the device. */
    double onDevice() {
      return onDevice;
    }
  }

  /**
   * A point.
   *
   * @param p share of the tokens that belong to prompts, whose forward serving has computed
   * @param shared whether 16 prompts share their first 512 tokens
   */
  record Point(Mode mode, Lengths lengths, double p, Memory memory, boolean shared) {
    static final int SHARED_TOKENS = 512;
    static final int SHARING = 16;
    /** Of each of the requests that share, beside what they share. */
    private static final int OWN_TOKENS = 64;

    int examples() {
      return shared ? SHARING : lengths.examples();
    }

    int tokens() {
      return shared ? SHARED_TOKENS + OWN_TOKENS : lengths.tokens();
    }

    /** Tokens of a prompt; of what comes after, at least the first is predicted by its last. */
    int prompt() {
      return Math.max(1, Math.min(tokens(), (int) Math.round(p * tokens()) + 1));
    }

    /** Whether it has one of each. */
    boolean isAmong(
        Set<Mode> modes, Set<Lengths> allLengths, Set<Memory> places, Set<Double> shares) {
      return modes.contains(mode)
          && allLengths.contains(lengths)
          && places.contains(memory)
          && shares.contains(p);
    }
  }

  /** All points, or those that a quick run has time for. */
  static List<Point> points(boolean quick) {
    List<Point> points = new ArrayList<>();
    for (Mode mode : Mode.values()) {
      for (Lengths lengths : quick ? List.of(Lengths.CHAT) : List.of(Lengths.values())) {
        for (double p : quick ? new double[] {0.5, 1} : new double[] {0.32, 0.5, 0.94, 1}) {
          for (Memory memory :
              quick ? List.of(Memory.DEVICE, Memory.HOST) : List.of(Memory.values())) {
            if (!quick || mode == Mode.LORA || memory == Memory.DEVICE) {
              points.add(new Point(mode, lengths, p, memory, false));
            }
          }
        }
      }
      // What requests share is a prompt, so nearly all of their tokens are.
      for (Memory memory : quick ? List.of(Memory.DEVICE) : List.of(Memory.values())) {
        for (double p : quick ? new double[] {1} : new double[] {0.94, 1}) {
          if (!quick || mode == Mode.LORA) {
            points.add(new Point(mode, Lengths.CHAT, p, memory, true));
          }
        }
      }
    }
    return points;
  }
}
