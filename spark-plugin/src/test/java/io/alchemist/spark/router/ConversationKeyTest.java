package io.alchemist.spark.router;

import static org.assertj.core.api.Assertions.assertThat;

import io.alchemist.http.Route;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.HttpHeaders;
import java.nio.charset.StandardCharsets;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ConversationKeyTest {
  private static final String SYSTEM = "{'role':'system','content':'be brief'}";
  private static final String FIRST = "{'role':'user','content':'what is a shuffle?'}";
  private static final String ANSWER = "{'role':'assistant','content':'data on the move'}";
  private static final String SECOND = "{'role':'user','content':'why?'}";

  @Test
  void turnsOfOneConversationHaveOneKey() {
    OptionalLong first = chat(SYSTEM, FIRST);
    assertThat(first).isPresent();
    assertThat(chat(SYSTEM, FIRST, ANSWER, SECOND)).isEqualTo(first);
    assertThat(key(
            Route.CHAT_COMPLETIONS,
            "{'model':'m','stop':['a',{'messages':[]}],'messages':[{'content':'be brief','role':'system'},"
                + FIRST + "],'stream':true}"))
        .isEqualTo(first);
  }

  @Test
  void otherBeginningsHaveOtherKeys() {
    OptionalLong first = chat(SYSTEM, FIRST);
    assertThat(chat(FIRST)).isNotEqualTo(first);
    assertThat(chat(SYSTEM, SECOND)).isNotEqualTo(first);
    assertThat(chat("{'role':'system','content':'be long'}", FIRST)).isNotEqualTo(first);
    assertThat(chat(FIRST, SYSTEM)).isEqualTo(chat(FIRST));
  }

  @Test
  void partsOfAMessageCount() {
    String part = "{'role':'user','content':[{'type':'text','text':'%s'}]}";
    assertThat(chat(part.formatted("a"))).isPresent().isNotEqualTo(chat(part.formatted("b")));
    assertThat(chat("{'role':'user','content':['a','bc']}"))
        .isNotEqualTo(chat("{'role':'user','content':['ab','c']}"));
  }

  @Test
  void theBeginningOfAPromptCounts() {
    String start = "x".repeat(ConversationKey.PROMPT_CHARS);
    OptionalLong first = completion("'" + start + "'");
    assertThat(first).isPresent();
    assertThat(completion("'" + start + "and so on'")).isEqualTo(first);
    assertThat(completion("'y" + start + "'")).isNotEqualTo(first);
    assertThat(completion("[1,2,3]")).isPresent().isNotEqualTo(completion("[1,23]"));
    assertThat(completion("['" + start + "','b']")).isEqualTo(completion("['" + start + "','c']"));
  }

  @Test
  void whatTheClientSaysComesFirst() {
    HttpHeaders named = new DefaultHttpHeaders().add("x-conversation-id", "abc");
    OptionalLong key = ConversationKey.of(Route.CHAT_COMPLETIONS, named, bytes("{}"));
    assertThat(key).isPresent();
    assertThat(ConversationKey.of(Route.COMPLETIONS, named, bytes("{'prompt':'p'}")))
        .isEqualTo(key);
    assertThat(ConversationKey.of(Route.FEEDBACK, named, bytes("{}"))).isEmpty();
    named.set("x-conversation-id", "abd");
    assertThat(ConversationKey.of(Route.CHAT_COMPLETIONS, named, bytes("{}"))).isNotEqualTo(key);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "{",
        "[]",
        "nonsense",
        "{'messages':3}",
        "{'messages':[]}",
        "{'messages':[{'role':'user'",
        "{'messages':['user']}",
        "{'prompt':'p'}",
        "{'messages':[{'role':'assistant','content':'a'}]}"
      })
  void whatIsNoConversationHasNone(String body) {
    assertThat(key(Route.CHAT_COMPLETIONS, body)).isEmpty();
  }

  private static OptionalLong chat(String... messages) {
    return key(Route.CHAT_COMPLETIONS, "{'messages':[" + String.join(",", messages) + "]}");
  }

  private static OptionalLong completion(String prompt) {
    return key(Route.COMPLETIONS, "{'max_tokens':5,'prompt':" + prompt + "}");
  }

  private static OptionalLong key(Route route, String body) {
    return ConversationKey.of(route, new DefaultHttpHeaders(), bytes(body));
  }

  private static ByteBuf bytes(String body) {
    return Unpooled.copiedBuffer(body.replace('\'', '"'), StandardCharsets.UTF_8);
  }
}
