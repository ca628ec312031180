package io.alchemist.http;

import io.alchemist.metrics.Metrics;
import io.alchemist.serve.FinishReason;
import io.alchemist.serve.TextListener;
import io.alchemist.serve.TextRequest;
import io.alchemist.text.ChatMessage;
import java.util.concurrent.CountDownLatch;
import java.util.regex.Pattern;

/**
 * The server over a service that echoes, for trying client libraries by hand. Its argument is the port. A prompt that
 * contains "busy" is refused as if the queue were full.
 */
final class FakeServer {
  private static final Pattern WORD_END = Pattern.compile("(?= )");

  private FakeServer() {}

  public static void main(String[] arguments) throws Exception {
    int port = Integer.parseInt(arguments[0]);
    try (FakeTextService service = new FakeTextService();
        ApiServer server =
            ApiServer.start(ApiConfig.defaults().at("127.0.0.1", port), service, new Metrics())) {
      service.engine = FakeServer::echo;
      System.out.println("Listening on port " + server.port());
      new CountDownLatch(1).await();
    }
  }

  private static void echo(FakeTextService.Call call) {
    String text = text(call.request.prompt());
    if (text.contains("busy")) {
      call.listener.onEnd(
          FinishReason.ERROR, new TextListener.Usage(0, 0, 0), FakeTextService.busy());
      return;
    }
    FakeTextService.says(WORD_END.split(text)).run(call);
  }

  private static String text(TextRequest.Prompt prompt) {
    if (prompt instanceof TextRequest.Messages messages) {
      ChatMessage last = messages.messages().get(messages.messages().size() - 1);
      return last.content();
    }
    return prompt instanceof TextRequest.RawText raw ? raw.text() : "tokens";
  }
}
