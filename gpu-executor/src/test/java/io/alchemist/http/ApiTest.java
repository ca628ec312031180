package io.alchemist.http;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.alchemist.metrics.Metrics;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** A real server over a fake service, and two ways to talk to it. */
abstract class ApiTest {
  private static final Pattern LENGTH = Pattern.compile("content-length: (\\d+)");
  static final String CHAT = "/v1/chat/completions";
  static final String STREAM = "{'messages':[{'role':'user','content':'x'}],'stream':true}";
  static final ObjectMapper JSON = new ObjectMapper();

  final Metrics metrics = new Metrics();
  final FakeTextService service = new FakeTextService();
  final HttpClient client =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
  ApiServer server;

  ApiConfig config() {
    return new ApiConfig("127.0.0.1", 0, 4096, 64, 20_000, 1 << 20, 20_000, 20_000, 2_000);
  }

  @BeforeEach
  void startServer() throws IOException {
    server = ApiServer.start(config(), service, metrics);
  }

  @AfterEach
  void closeServer() {
    server.close();
    service.close();
  }

  HttpRequest.Builder request(String path) {
    return HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + server.port() + path))
        .timeout(Duration.ofSeconds(20));
  }

  HttpResponse<String> get(String path) throws Exception {
    return client.send(request(path).build(), HttpResponse.BodyHandlers.ofString());
  }

  HttpResponse<String> post(String path, String json) throws Exception {
    return client.send(
        request(path)
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(quotes(json)))
            .build(),
        HttpResponse.BodyHandlers.ofString());
  }

  /** JSON written with single quotes, for reading. */
  static String quotes(String json) {
    return json.replace('\'', '"');
  }

  static JsonNode json(String text) throws IOException {
    return JSON.readTree(text);
  }

  /** The value under these names, with fields in the order they came. */
  static String error(HttpResponse<String> response, int status) throws IOException {
    assertThat(response.statusCode()).as(response.body()).isEqualTo(status);
    assertThat(response.headers().firstValue("content-type")).contains("application/json");
    JsonNode error = json(response.body()).path("error");
    assertThat(error.fieldNames()).toIterable().containsExactly("message", "type", "param", "code");
    return error.path("type").asText() + "|" + error.path("param").asText() + "|"
        + error.path("code").asText() + "|" + error.path("message").asText();
  }

  /** The payloads of a stream's events, each checked to be framed exactly. */
  static List<String> events(String body) {
    assertThat(body).endsWith("\n\n");
    List<String> events = new ArrayList<>();
    for (String event : body.substring(0, body.length() - 2).split("\n\n", -1)) {
      assertThat(event).startsWith("data: ").doesNotContain("\n").doesNotContain("\r");
      events.add(event.substring("data: ".length()));
    }
    return events;
  }

  /** A connection without a client library between. */
  final class Raw implements AutoCloseable {
    final Socket socket;
    final InputStream in;

    Raw() throws IOException {
      socket = new Socket(InetAddress.getLoopbackAddress(), server.port());
      socket.setSoTimeout(20_000);
      in = socket.getInputStream();
    }

    void send(String text) throws IOException {
      socket.getOutputStream().write(text.getBytes(StandardCharsets.UTF_8));
      socket.getOutputStream().flush();
    }

    /** Sends a request's head of these lines. */
    void sendHead(String... lines) throws IOException {
      send(String.join("\r\n", lines) + "\r\n\r\n");
    }

    void sendPost(String path, String body) throws IOException {
      String json = quotes(body);
      sendHead(
          "POST " + path + " HTTP/1.1",
          "Host: h",
          "Content-Type: application/json",
          "Content-Length: " + json.getBytes(StandardCharsets.UTF_8).length);
      send(json);
    }

    /** The head of the next answer, without its empty line. */
    String head() throws IOException {
      StringBuilder head = new StringBuilder();
      while (head.indexOf("\r\n\r\n") < 0) {
        int b = in.read();
        if (b < 0) {
          throw new IOException("The connection ended within a head: " + head);
        }
        head.append((char) b);
      }
      return head.substring(0, head.length() - 4);
    }

    /** A body of the length that {@code head} says. */
    String body(String head) throws IOException {
      Matcher length = LENGTH.matcher(head);
      if (length.find()) {
        return new String(in.readNBytes(Integer.parseInt(length.group(1))), StandardCharsets.UTF_8);
      }
      throw new IOException("No content-length in " + head);
    }

    /** All that comes until the server ends the connection. */
    String rest() throws IOException {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }

    @Override
    public void close() throws IOException {
      socket.close();
    }
  }
}
