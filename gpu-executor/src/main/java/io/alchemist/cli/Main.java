package io.alchemist.cli;

import io.alchemist.bench.BenchCommand;
import io.alchemist.files.ModelFileException;
import io.alchemist.helpdesk.TrainHelpDesk;
import io.alchemist.serve.RequestException;
import io.alchemist.tensor.DeviceMemoryException;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.FileSystemException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IExecutionExceptionHandler;

/** Entry point of the launcher. */
@Command(
    name = "alchemist",
    description =
        "Serves a language model and trains it on the same device, from what serving computed.",
    mixinStandardHelpOptions = true,
    subcommands = {ServeCommand.class, ChatCommand.class, BenchCommand.class, TrainHelpDesk.class})
public final class Main {
  private Main() {}

  /** Runs one command and exits with its status: 0 done, 1 failed, 2 wrong arguments. */
  public static void main(String[] arguments) {
    System.exit(commandLine().execute(arguments));
  }

  /** The commands, for a launcher that adds some. */
  public static CommandLine commandLine() {
    return new CommandLine(new Main()).setExecutionExceptionHandler(errorText());
  }

  /** What the user can mend is told in a sentence; all else keeps its stack trace. */
  private static IExecutionExceptionHandler errorText() {
    return (error, command, parsed) -> {
      PrintWriter err = command.getErr();
      if (error instanceof ModelFileException
          || error instanceof DeviceMemoryException
          || error instanceof IllegalArgumentException
          || error instanceof RequestException
          || (error instanceof IOException && error.getMessage() != null)) {
        // Of a file system's errors the message is often the path alone.
        err.println(error instanceof FileSystemException ? error.toString() : error.getMessage());
      } else {
        error.printStackTrace(err);
      }
      return 1;
    };
  }
}
