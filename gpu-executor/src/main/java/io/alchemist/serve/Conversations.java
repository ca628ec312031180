package io.alchemist.serve;

import io.alchemist.activation.Traits;
import io.alchemist.text.ChatMessage;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Which turns belong together: clients send the whole conversation with each turn, so its beginning names it. */
public final class Conversations {
  private static final int BYTES = 12;

  private Conversations() {}

  /** The key of the conversation that a prompt is part of. */
  public static String key(TextRequest.Prompt prompt) {
    MessageDigest digest = sha256();
    if (prompt instanceof TextRequest.Messages messages) {
      for (ChatMessage message : messages.messages()) {
        digest.update(message.role().getBytes(StandardCharsets.UTF_8));
        digest.update((byte) 0);
        digest.update(message.content().getBytes(StandardCharsets.UTF_8));
        digest.update((byte) 0);
        if (message.role().equals("user")) {
          break;
        }
      }
    } else if (prompt instanceof TextRequest.RawText raw) {
      digest.update(raw.text().getBytes(StandardCharsets.UTF_8));
    } else if (prompt instanceof TextRequest.Tokens tokens) {
      digest.update(tokens.ids().toString().getBytes(StandardCharsets.UTF_8));
    }
    return HexFormat.of().formatHex(digest.digest(), 0, BYTES);
  }

  /** What is known of a request, for guessing whether feedback will come: its route is the endpoint and the system prompt. */
  public static Traits traits(TextRequest request) {
    if (request.prompt() instanceof TextRequest.Messages messages) {
      StringBuilder route = new StringBuilder("chat");
      int turn = 0;
      for (ChatMessage message : messages.messages()) {
        if (message.role().equals("system")) {
          route.append(' ').append(message.content());
        } else if (message.role().equals("user")) {
          turn++;
        }
      }
      return new Traits(route.toString(), request.user(), Math.max(1, turn));
    }
    return new Traits("completion", request.user(), 1);
  }

  /** The last message of the user, or the raw prompt. */
  public static @Nullable String question(TextRequest.Prompt prompt) {
    if (prompt instanceof TextRequest.RawText raw) {
      return raw.text();
    }
    if (prompt instanceof TextRequest.Messages messages) {
      List<ChatMessage> all = messages.messages();
      for (int i = all.size() - 1; i >= 0; i--) {
        if (all.get(i).role().equals("user")) {
          return all.get(i).content();
        }
      }
    }
    return null;
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java has SHA-256", e);
    }
  }
}
