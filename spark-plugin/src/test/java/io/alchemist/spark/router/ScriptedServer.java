package io.alchemist.spark.router;

import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** An executor that misbehaves: does with each connection what the test says, then closes it. */
final class ScriptedServer implements AutoCloseable {
  /** The head of a stream of events. */
  static final String EVENTS_HEAD =
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

  private static final Pattern LENGTH = Pattern.compile("(?i)content-length: (\\d+)");

  /** What it does with a connection whose first request has come. */
  @FunctionalInterface
  interface Script {
    void run(Socket socket) throws Exception;
  }

  final List<String> requests = new CopyOnWriteArrayList<>();
  private final List<Socket> sockets = new CopyOnWriteArrayList<>();
  private final ServerSocket listener;
  private final Script script;

  ScriptedServer(Script script) throws IOException {
    this.script = script;
    listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    start(this::accept);
  }

  Backend backend(String id) {
    return new Backend(
        id, "localhost", listener.getLocalPort(), Backend.State.READY, 0, 1, "scripted");
  }

  static void send(Socket socket, String text) throws IOException {
    socket.getOutputStream().write(text.getBytes(StandardCharsets.UTF_8));
    socket.getOutputStream().flush();
  }

  /** A piece of a body without a length. */
  static String chunk(String text) {
    return Integer.toHexString(text.length()) + "\r\n" + text + "\r\n";
  }

  /** Head and body of the next request. */
  String receive(Socket socket) throws IOException {
    InputStream in = socket.getInputStream();
    StringBuilder request = new StringBuilder();
    while (request.indexOf("\r\n\r\n") < 0) {
      int b = in.read();
      if (b < 0) {
        throw new IOException("The router left.");
      }
      request.append((char) b);
    }
    Matcher length = LENGTH.matcher(request);
    if (length.find()) {
      byte[] body = in.readNBytes(Integer.parseInt(length.group(1)));
      request.append(new String(body, StandardCharsets.UTF_8));
    }
    requests.add(request.toString());
    return request.toString();
  }

  private void accept() {
    try {
      while (true) {
        Socket socket = listener.accept();
        sockets.add(socket);
        start(() -> serve(socket));
      }
    } catch (IOException e) {
      // Closed.
    }
  }

  private void serve(Socket socket) {
    try (socket) {
      receive(socket);
      script.run(socket);
    } catch (Exception e) {
      // The router left, or the test is over.
    }
  }

  private static void start(Runnable work) {
    Thread thread = new Thread(work, "scripted-server");
    thread.setDaemon(true);
    thread.start();
  }

  @Override
  public void close() throws IOException {
    listener.close();
    for (Socket socket : sockets) {
      socket.close();
    }
  }
}
