package io.alchemist.cli;

import io.alchemist.engine.Engine;
import io.alchemist.engine.LoadedModel;
import io.alchemist.engine.TextEngine;
import io.alchemist.http.ApiConfig;
import io.alchemist.http.ApiServer;
import io.alchemist.metrics.Metrics;
import io.alchemist.serve.FileFeedbackSink;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Serves a model over HTTP until it is told to stop; then finishes what it has. */
@Command(
    name = "serve",
    description = "Serves a model over HTTP, compatible with OpenAI's API.",
    mixinStandardHelpOptions = true)
final class ServeCommand implements Callable<Integer> {
  private static final int FEEDBACK_QUEUE = 10_000;

  @Mixin
  private ModelOptions options;

  @Option(names = "--host", description = "Address to listen at. Default: ${DEFAULT-VALUE}.")
  private String host = "127.0.0.1";

  @Option(names = "--port", description = "Port; 0 takes any free one. Default: ${DEFAULT-VALUE}.")
  private int port = 8080;

  @Option(
      names = "--feedback",
      paramLabel = "FILE",
      description = "Where POST /v1/feedback appends, a JSON line each. Default: ${DEFAULT-VALUE}.")
  private Path feedback = Path.of("feedback.jsonl");

  @Spec
  private CommandSpec spec;

  @Override
  public Integer call() throws IOException, InterruptedException {
    PrintWriter out = spec.commandLine().getOut();
    Metrics metrics = new Metrics();
    CountDownLatch stop = new CountDownLatch(1);
    CountDownLatch stopped = new CountDownLatch(1);
    Runtime.getRuntime()
        .addShutdownHook(new Thread(() -> awaitStop(stop, stopped), "alchemist-shutdown"));
    try (LoadedModel model = options.open();
        Engine engine = options.start(model, null, metrics);
        FileFeedbackSink sink = FileFeedbackSink.open(feedback, FEEDBACK_QUEUE)) {
      TextEngine service = new TextEngine(engine, model, sink);
      try (ApiServer server =
          ApiServer.start(ApiConfig.defaults().at(host, port), service, metrics)) {
        out.printf(
            "Serving %s at http://%s:%d/v1 (Ctrl-C to stop)%n", model.name(), host, server.port());
        out.flush();
        stop.await();
        out.println("Finishing what is under way");
        out.flush();
        engine.drain();
      }
    } finally {
      stopped.countDown();
    }
    return 0;
  }

  /** Runs when the process is told to end: asks the command to finish and waits for it. */
  private static void awaitStop(CountDownLatch stop, CountDownLatch stopped) {
    stop.countDown();
    try {
      stopped.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
