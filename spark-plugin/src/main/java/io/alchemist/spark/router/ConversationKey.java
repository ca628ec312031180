package io.alchemist.spark.router;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.alchemist.http.Route;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufInputStream;
import io.netty.handler.codec.http.HttpHeaders;
import java.io.IOException;
import java.io.InputStream;
import java.util.OptionalLong;

/**
 * Which conversation a request belongs to: what its turns have in common. That is what the client says in {@code
 * X-Conversation-Id}; otherwise the system messages and the first user message of a chat, or the beginning of a prompt.
 * Reading stops as soon as that is known, so the rest of the body costs nothing.
 */
final class ConversationKey {
  static final String HEADER = "X-Conversation-Id";

  /** Longer beginnings tell more conversations apart; shorter ones recognise a short first turn in the second. */
  static final int PROMPT_CHARS = 512;

  // Names come from clients: they are not kept.
  private static final JsonFactory FACTORY = JsonFactory.builder()
      .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
      .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
      .build();

  private final JsonParser json;
  /** Characters of values that still count. */
  private long budget;

  private ConversationKey(JsonParser json, long budget) {
    this.json = json;
    this.budget = budget;
  }

  /** The key of a request's conversation; none where it has none, or where its body is not what it should be. */
  static OptionalLong of(Route route, HttpHeaders headers, ByteBuf body) {
    String id = headers.get(HEADER);
    if (id != null && !id.isBlank() && generates(route)) {
      return OptionalLong.of(Hash.of(id.trim()));
    }
    if (!generates(route)) {
      return OptionalLong.empty();
    }
    boolean chat = route == Route.CHAT_COMPLETIONS;
    try (JsonParser json =
        FACTORY.createParser((InputStream) new ByteBufInputStream(body.duplicate()))) {
      ConversationKey reader = new ConversationKey(json, chat ? Long.MAX_VALUE : PROMPT_CHARS);
      if (!reader.find(chat ? "messages" : "prompt")) {
        return OptionalLong.empty();
      }
      return chat ? reader.messages() : OptionalLong.of(Hash.mix(reader.value(Hash.EMPTY)));
    } catch (IOException e) {
      // The executor says to the client what is wrong.
      return OptionalLong.empty();
    }
  }

  private static boolean generates(Route route) {
    return route == Route.CHAT_COMPLETIONS || route == Route.COMPLETIONS;
  }

  /** Goes to the value of a field of the outermost object. */
  private boolean find(String field) throws IOException {
    if (json.nextToken() != JsonToken.START_OBJECT) {
      return false;
    }
    while (json.nextToken() == JsonToken.FIELD_NAME) {
      boolean found = json.currentName().equals(field);
      json.nextToken();
      if (found) {
        return true;
      }
      json.skipChildren();
    }
    return false;
  }

  private OptionalLong messages() throws IOException {
    if (json.currentToken() != JsonToken.START_ARRAY) {
      return OptionalLong.empty();
    }
    long hash = Hash.EMPTY;
    boolean any = false;
    while (json.nextToken() == JsonToken.START_OBJECT) {
      String role = "";
      long content = Hash.EMPTY;
      while (json.nextToken() == JsonToken.FIELD_NAME) {
        String name = json.currentName();
        json.nextToken();
        if (name.equals("role") && json.currentToken() == JsonToken.VALUE_STRING) {
          role = json.getText();
        } else if (name.equals("content")) {
          content = value(content);
        } else {
          json.skipChildren();
        }
      }
      boolean user = role.equals("user");
      if (user || role.equals("system") || role.equals("developer")) {
        hash = Hash.add(hash, content);
        any = true;
      }
      if (user) {
        break;
      }
    }
    return any ? OptionalLong.of(Hash.mix(hash)) : OptionalLong.empty();
  }

  /** Adds the value at hand, with all that lies in it, until the budget is spent. */
  private long value(long before) throws IOException {
    long hash = before;
    int depth = 0;
    do {
      JsonToken token = json.currentToken();
      if (token == null) {
        return hash;
      }
      if (token.isStructStart()) {
        depth++;
      } else if (token.isStructEnd()) {
        depth--;
      } else {
        int length = (int) Math.min(budget, json.getTextLength());
        hash = Hash.add(hash, json.getTextCharacters(), json.getTextOffset(), length);
        budget -= length;
      }
      hash = Hash.add(hash, token.id());
      if (budget == 0) {
        return hash;
      }
    } while (depth > 0 && json.nextToken() != null);
    return hash;
  }
}
