package io.alchemist.spark.cli;

import picocli.CommandLine;

/** Entry point of the launcher. */
public final class Main {
  private Main() {}

  /** Runs one command and exits with its status: 0 done, 1 failed, 2 wrong arguments. */
  public static void main(String[] arguments) {
    System.exit(commandLine().execute(arguments));
  }

  static CommandLine commandLine() {
    return io.alchemist.cli.Main.commandLine()
        .addSubcommand(new DemoCommand())
        .addSubcommand(new SubmitCommand());
  }
}
