package io.alchemist.cli;

import io.alchemist.engine.Engine;
import io.alchemist.engine.LoadedModel;
import io.alchemist.engine.TextEngine;
import io.alchemist.metrics.Metrics;
import io.alchemist.serve.Feedback;
import io.alchemist.serve.FeedbackSink;
import io.alchemist.serve.FinishReason;
import io.alchemist.serve.GenerationRequest.Recording;
import io.alchemist.serve.RequestException;
import io.alchemist.serve.SamplingParams;
import io.alchemist.serve.TextListener;
import io.alchemist.serve.TextRequest;
import io.alchemist.text.ChatMessage;
import io.alchemist.text.ChatTemplate;
import io.alchemist.text.jinja.TemplateException;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Talks with a model in the terminal: a line is a message, an empty line or the end of input ends. */
@Command(
    name = "chat",
    description = "Talks with a model in the terminal.",
    mixinStandardHelpOptions = true)
final class ChatCommand implements Callable<Integer> {
  private static final String USUAL_SYSTEM = "You are a helpful assistant.";

  @Mixin
  private ModelOptions options;

  @Option(
      names = "--system",
      description = "A system message to begin with; empty for none." + " Default: \""
          + USUAL_SYSTEM + "\", none for the embedded model.")
  private @Nullable String system;

  @Option(names = "--temperature", description = "0 is greedy. Default: ${DEFAULT-VALUE}.")
  private float temperature;

  @Option(
      names = "--max-tokens",
      description = "Most tokens of an answer. Default: ${DEFAULT-VALUE}.")
  private int maxTokens = 256;

  @Option(names = "--seed", description = "For temperatures above 0. Default: ${DEFAULT-VALUE}.")
  private long seed = 1;

  @Option(names = "--raw", description = "Continues each line as text instead of answering it.")
  private boolean raw;

  @Spec
  private CommandSpec spec;

  @Override
  public Integer call() throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    SamplingParams sampling = new SamplingParams(temperature, 0, 1, seed);
    List<ChatMessage> messages = new ArrayList<>();
    try (LoadedModel model = options.open();
        Engine engine = options.start(model, null, new Metrics())) {
      TextEngine service = new TextEngine(engine, model, new NoFeedback());
      String first = systemFor(model);
      if (!first.isEmpty()) {
        messages.add(new ChatMessage("system", first));
      }
      BufferedReader in =
          new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
      prompt(out);
      String line = in.readLine();
      for (int turn = 0; line != null && !line.isBlank(); turn++) {
        messages.add(new ChatMessage("user", line));
        TextRequest.Prompt prompt =
            raw ? new TextRequest.RawText(line) : new TextRequest.Messages(List.copyOf(messages));
        Printer answer = new Printer(out);
        service.complete(
            "chat-" + turn,
            new TextRequest(prompt, maxTokens, sampling, List.of(), 0, null, Recording.KEEP),
            service.tokenize(prompt),
            answer);
        messages.add(new ChatMessage("assistant", Engine.await(answer.text)));
        prompt(out);
        line = in.readLine();
      }
    } catch (RequestException e) {
      spec.commandLine().getErr().println(e.getMessage());
      return 1;
    }
    return 0;
  }

  /** What the conversation begins with; not the usual message where the model's template takes none. */
  private String systemFor(LoadedModel model) {
    if (system != null) {
      return system;
    }
    ChatTemplate template = model.template();
    if (options.model == null || template == null) {
      return "";
    }
    try {
      template.renderForGeneration(
          List.of(new ChatMessage("system", USUAL_SYSTEM), new ChatMessage("user", "Hello")));
      return USUAL_SYSTEM;
    } catch (TemplateException refused) {
      return "";
    }
  }

  private static void prompt(PrintWriter out) {
    out.print("> ");
    out.flush();
  }

  /** Prints an answer as it comes. */
  private static final class Printer implements TextListener {
    private final PrintWriter out;
    private final StringBuilder said = new StringBuilder();
    private final CompletableFuture<String> text = new CompletableFuture<>();

    Printer(PrintWriter out) {
      this.out = out;
    }

    @Override
    public void onText(String more, List<TokenInfo> tokens) {
      out.print(more);
      out.flush();
      said.append(more);
    }

    @Override
    public void onEnd(FinishReason finish, Usage usage, @Nullable RequestException error) {
      out.println();
      if (error == null) {
        text.complete(said.toString());
      } else {
        text.completeExceptionally(error);
      }
    }
  }

  /** Nobody judges what is said in the terminal. */
  private static final class NoFeedback implements FeedbackSink {
    @Override
    public CompletionStage<Void> append(Feedback feedback) {
      return CompletableFuture.failedFuture(new IllegalStateException(
          "The terminal takes no feedback; use serve and POST /v1/feedback."));
    }

    @Override
    public void close() {}
  }
}
