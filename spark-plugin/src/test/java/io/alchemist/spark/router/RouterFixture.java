package io.alchemist.spark.router;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.alchemist.metrics.Metrics;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
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
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.TestInstance;

/** A router before three executors, all on real sockets, and two ways to talk to it. Fails where Netty reports leaks. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class RouterFixture {
  private static final Pattern LENGTH = Pattern.compile("(?i)content-length: (\\d+)");
  static final ObjectMapper JSON = new ObjectMapper();
  static final String CHAT = "/v1/chat/completions";

  private Leaks leaks;
  final HttpClient client =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
  final FakeFleet fleet = new FakeFleet();
  final List<FakeExecutor> executors = new ArrayList<>();
  Metrics metrics = new Metrics();
  Router router;

  RouterConfig config() {
    return new RouterConfig("127.0.0.1", 0, 64 << 10, 500, 2_000, 20_000, 20_000, 2_000);
  }

  @BeforeAll
  void watchLeaks() {
    leaks = new Leaks();
  }

  @AfterAll
  void noLeaks() {
    leaks.close();
  }

  @BeforeEach
  void startRouter() throws IOException {
    for (int i = 0; i < 3; i++) {
      executors.add(new FakeExecutor("exec-" + i));
    }
    fleet.unreachable.clear();
    allReady();
    metrics = new Metrics();
    router = Router.start(config(), fleet, metrics);
  }

  @AfterEach
  void closeRouter() {
    router.close();
    executors.forEach(FakeExecutor::close);
    executors.clear();
  }

  void allReady() {
    fleet.set(executors.stream().map(one -> one.backend(Backend.State.READY, 0)).toList());
  }

  FakeExecutor executor(String id) {
    return executors.stream().filter(one -> one.id.equals(id)).findFirst().orElseThrow();
  }

  /** The executor that a conversation sticks to while all are ready. */
  FakeExecutor home(String user) throws Exception {
    return executor(executorOf(post(CHAT, chat(user))));
  }

  static String chat(String user) {
    return "{\"messages\":[{\"role\":\"user\",\"content\":\"" + user + "\"}]}";
  }

  static String stream(String user) {
    return "{\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"" + user + "\"}]}";
  }

  HttpRequest.Builder request(String path) {
    return HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + router.port() + path))
        .timeout(Duration.ofSeconds(20));
  }

  HttpResponse<String> get(String path) throws Exception {
    return client.send(request(path).build(), HttpResponse.BodyHandlers.ofString());
  }

  HttpRequest postRequest(String path, String json) {
    return request(path)
        .header("Content-Type", "application/json")
        .POST(HttpRequest.BodyPublishers.ofString(json))
        .build();
  }

  HttpResponse<String> post(String path, String json) throws Exception {
    return client.send(postRequest(path, json), HttpResponse.BodyHandlers.ofString());
  }

  static String executorOf(HttpResponse<?> response) {
    return response.headers().firstValue("X-Alchemist-Executor").orElse("none");
  }

  /** Code and message of an error. */
  static String error(HttpResponse<String> response, int status) throws IOException {
    assertThat(response.statusCode()).as(response.body()).isEqualTo(status);
    return error(response.body());
  }

  static String error(String json) throws IOException {
    JsonNode error = JSON.readTree(json).path("error");
    assertThat(error.fieldNames()).toIterable().containsExactly("message", "type", "param", "code");
    return error.path("code").asText() + "|" + error.path("message").asText();
  }

  /** The payloads of a stream's events. */
  static List<String> events(String body) {
    assertThat(body).endsWith("\n\n");
    List<String> events = new ArrayList<>();
    for (String event : body.substring(0, body.length() - 2).split("\n\n", -1)) {
      assertThat(event).startsWith("data: ").doesNotContain("\n");
      events.add(event.substring("data: ".length()));
    }
    return events;
  }

  /** A port on which nobody listens. */
  static int deadPort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  /** A connection to the router without a client library between. */
  final class Raw implements AutoCloseable {
    final Socket socket = new Socket();
    final InputStream in;

    Raw() throws IOException {
      socket.setReceiveBufferSize(64 << 10);
      socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), router.port()));
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

    void sendPost(String path, String json) throws IOException {
      send("POST " + path + " HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
          + "Content-Length: " + json.getBytes(StandardCharsets.UTF_8).length + "\r\n\r\n" + json);
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

    /** The next chunk of a chunked body; empty for the last. */
    String chunk() throws IOException {
      StringBuilder size = new StringBuilder();
      while (size.indexOf("\r\n") < 0) {
        int b = in.read();
        if (b < 0) {
          throw new IOException("The connection ended before a chunk.");
        }
        size.append((char) b);
      }
      byte[] bytes = in.readNBytes(Integer.parseInt(size.toString().trim(), 16));
      in.readNBytes(2);
      return new String(bytes, StandardCharsets.UTF_8);
    }

    /** All that comes until the router ends the connection. */
    String rest() throws IOException {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }

    @Override
    public void close() throws IOException {
      socket.close();
    }
  }
}
