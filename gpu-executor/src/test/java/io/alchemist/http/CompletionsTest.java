package io.alchemist.http;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.alchemist.serve.TextListener;
import io.alchemist.serve.TextRequest;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CompletionsTest extends ApiTest {
  private static final String PATH = "/v1/completions";

  @Test
  void wholeAnswerHasOpenAisShape() throws Exception {
    service.engine = FakeTextService.says(" a", " b");

    JsonNode body = json(post(PATH, "{'prompt':'Once','logprobs':1}").body());

    FakeTextService.Call call = service.nextCall();
    assertThat(call.request.prompt()).isEqualTo(new TextRequest.RawText("Once"));
    assertThat(call.request.maxTokens()).isEqualTo(16);
    assertThat(body.path("id").asText()).isEqualTo(call.id).startsWith("cmpl-");
    assertThat(body.path("object").asText()).isEqualTo("text_completion");
    assertThat(body.path("choices"))
        .hasToString(quotes("[{'index':0,'text':' a b','logprobs':{'tokens':[' a',' b'],"
            + "'token_logprobs':[-0.5,-0.5],'top_logprobs':[{' a':-0.5},{' b':-0.5}],"
            + "'text_offset':[0,2]},'finish_reason':'stop'}]"));
  }

  @Test
  void streamEndsWithReasonAndDone() throws Exception {
    service.engine = FakeTextService.says("a", "b", "c");

    List<String> events =
        events(post(PATH, "{'prompt':'x','max_tokens':2,'stream':true}").body());

    assertThat(events).hasSize(4);
    assertThat(json(events.get(0)).path("choices"))
        .hasToString(quotes("[{'index':0,'text':'a','logprobs':null,'finish_reason':null}]"));
    assertThat(json(events.get(2)).path("choices"))
        .hasToString(quotes("[{'index':0,'text':'','logprobs':null,'finish_reason':'length'}]"));
    assertThat(events.get(3)).isEqualTo("[DONE]");
  }

  @Test
  void promptsOfEveryKind() throws Exception {
    service.engine = FakeTextService.says("x");

    post(PATH, "{'prompt':[5,6]}");
    post(PATH, "{'prompt':['a','b'],'n':2,'seed':1}");
    JsonNode two = json(post(PATH, "{'prompt':[[1],[2,3]]}").body());

    assertThat(service.nextCall().request.prompt())
        .isEqualTo(new TextRequest.Tokens(List.of(5, 6)));
    List<FakeTextService.Call> four =
        List.of(service.nextCall(), service.nextCall(), service.nextCall(), service.nextCall());
    // Once for all choices of a prompt.
    assertThat(service.tokenized)
        .containsExactly(
            new TextRequest.Tokens(List.of(5, 6)),
            new TextRequest.RawText("a"),
            new TextRequest.RawText("b"),
            new TextRequest.Tokens(List.of(1)),
            new TextRequest.Tokens(List.of(2, 3)));
    assertThat(four.get(1).prompt).isSameAs(four.get(0).prompt);
    assertThat(four.get(2).prompt).isNotSameAs(four.get(0).prompt);
    assertThat(four)
        .extracting(call -> ((TextRequest.RawText) call.request.prompt()).text())
        .containsExactly("a", "a", "b", "b");
    assertThat(four.get(0).request.sampling()).isEqualTo(four.get(2).request.sampling());
    assertThat(service.nextCall().request.prompt()).isEqualTo(new TextRequest.Tokens(List.of(1)));
    assertThat(service.nextCall().request.prompt())
        .isEqualTo(new TextRequest.Tokens(List.of(2, 3)));
    assertThat(two.path("usage").path("prompt_tokens").asInt()).isEqualTo(14);
  }

  @Test
  void offsetsOfSplitCharactersStayWithinTheText() throws Exception {
    service.engine = call -> {
      // Two tokens that make one character, then another token.
      call.listener.onText(
          "é", List.of(FakeTextService.token("\uFFFD", 2), FakeTextService.token("\uFFFD", 0)));
      call.say("\uD83D\uDE00");
      call.say("z");
      call.stop(4);
    };

    JsonNode logProbs =
        json(post(PATH, "{'prompt':'x','logprobs':0}").body()).at("/choices/0/logprobs");

    assertThat(logProbs.path("text_offset")).hasToString("[0,1,1,2]");
  }

  @Test
  void alternativesThatLookAlikeAreWrittenOnce() throws Exception {
    service.engine = call -> {
      call.listener.onText(
          "a",
          List.of(new TextListener.TokenInfo(
              1,
              new byte[] {'a'},
              -1,
              List.of(
                  new TextListener.Alternative(2, new byte[] {(byte) 195}, -1),
                  new TextListener.Alternative(3, new byte[] {(byte) 196}, -2)))));
      call.stop(1);
    };

    String body = post(PATH, "{'prompt':'x','logprobs':2}").body();

    assertThat(body).contains("\"top_logprobs\":[{\"\uFFFD\":-1.0}]");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '~',
      quoteCharacter = '`',
      value = {
        "{}~prompt~missing_required_parameter~prompt is missing.",
        "{'prompt':[]}~prompt~invalid_value~prompt is an empty array; expected a string, an array of strings, an array of token ids or an array of those.",
        "{'prompt':[1,'a']}~prompt[1]~invalid_type~prompt[1]: expected an integer, got the string \"a\".",
        "{'prompt':[-1]}~prompt[0]~invalid_value~prompt[0] = -1 is not in [0, 2147483647].",
        "{'prompt':[[]]}~prompt[0]~invalid_value~prompt[0] is empty; at least one token is needed.",
        "{'prompt':'x','echo':true}~echo~unsupported_parameter~echo is not supported by this server; leave it out.",
        "{'prompt':'x','suffix':'y'}~suffix~unsupported_parameter~suffix is not supported by this server; leave it out.",
        "{'prompt':'x','logprobs':true}~logprobs~invalid_type~logprobs: expected an integer, got true."
      })
  void wrongFieldsAreNamed(String body, String parameter, String code, String message)
      throws Exception {
    assertThat(error(post(PATH, body), 400))
        .isEqualTo("invalid_request_error|" + parameter + "|" + code + "|" + message);
  }
}
