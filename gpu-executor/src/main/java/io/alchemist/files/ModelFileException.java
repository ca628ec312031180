package io.alchemist.files;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** A model's file is not what it should be. The message says in which file, what is wrong, why, and what to do. */
public final class ModelFileException extends RuntimeException {
  private final Path file;
  private final String problem;
  private final String why;
  private final String fix;

  /**
   * @param problem what was found, with the values
   * @param why what was expected, or why it can't be used
   * @param fix what the user can do, as an imperative
   */
  public ModelFileException(Path file, String problem, String why, String fix) {
    this(file, problem, why, fix, null);
  }

  /** Also carries the exception that showed the problem. */
  public ModelFileException(
      Path file, String problem, String why, String fix, @Nullable Throwable cause) {
    super(file + ": " + problem + ": " + why + ". " + fix + ".", cause);
    this.file = file;
    this.problem = problem;
    this.why = why;
    this.fix = fix;
  }

  /** The file or directory at fault. */
  public Path file() {
    return file;
  }

  /** What was found. */
  public String problem() {
    return problem;
  }

  /** Why it can't be used. */
  public String why() {
    return why;
  }

  /** What the user can do. */
  public String fix() {
    return fix;
  }

  /** A file cut short or damaged; the same remedy for all of them. */
  static ModelFileException damaged(Path file, String problem, String why) {
    return new ModelFileException(
        file, problem, why, "The file is cut short or damaged; fetch it again");
  }
}
