package io.alchemist.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import io.alchemist.serve.FinishReason;
import io.alchemist.serve.GenerationRequest.Recording;
import io.alchemist.serve.RequestException;
import io.alchemist.serve.SamplingParams;
import io.alchemist.serve.TextListener;
import io.alchemist.serve.TextRequest;
import io.alchemist.text.ChatMessage;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ChatCompletionsTest extends ApiTest {
  private static final String PATH = "/v1/chat/completions";
  private static final String HELLO = "'messages':[{'role':'user','content':'Hi'}]";

  @Test
  void wholeAnswerHasOpenAisShape() throws Exception {
    service.engine = FakeTextService.says("Grüße", ", ", "you \uD83D\uDE00");

    HttpResponse<String> response = post(PATH, "{'model':'tiny'," + HELLO + "}");

    assertThat(response.statusCode()).isEqualTo(200);
    assertThat(response.headers().firstValue("content-type")).contains("application/json");
    JsonNode body = json(response.body());
    String id = service.nextCall().id;
    long created = body.path("created").asLong();
    assertThat(id).matches("chatcmpl-[0-9a-f]{32}");
    assertThat(response.body())
        .isEqualTo(quotes("{'id':'" + id + "','object':'chat.completion','created':" + created
            + ",'model':'tiny','system_fingerprint':'v5','choices':[{'index':0,'message':{'role':'assistant',"
            + "'content':'Grüße, you \\uD83D\\uDE00','refusal':null},'logprobs':null,'finish_reason':'stop'}],"
            + "'usage':{'prompt_tokens':7,'completion_tokens':3,'total_tokens':10,"
            + "'prompt_tokens_details':{'cached_tokens':3}}}"));
  }

  @Test
  void streamIsFramedExactly() throws Exception {
    service.engine = FakeTextService.says("Hel", "", "lo\n\n\"");

    HttpResponse<String> response =
        post(PATH, "{" + HELLO + ",'stream':true,'stream_options':{'include_usage':true}}");

    assertThat(response.headers().firstValue("content-type"))
        .contains("text/event-stream; charset=utf-8");
    assertThat(response.headers().firstValue("cache-control")).contains("no-cache");
    List<String> events = events(response.body());
    String head = quotes("{'id':'" + service.nextCall().id
        + "','object':'chat.completion.chunk','created':"
        + json(events.get(0)).path("created").asLong()
        + ",'model':'tiny','system_fingerprint':'v5','choices':[");
    String tail = quotes(",'usage':null}");
    assertThat(events)
        .containsExactly(
            head
                + quotes(
                    "{'index':0,'delta':{'role':'assistant','content':''},'logprobs':null,'finish_reason':null}]")
                + tail,
            head
                + quotes(
                    "{'index':0,'delta':{'content':'Hel'},'logprobs':null,'finish_reason':null}]")
                + tail,
            head
                + "{\"index\":0,\"delta\":{\"content\":\"lo\\n\\n\\\"\"},\"logprobs\":null,\"finish_reason\":null}]"
                + tail,
            head + quotes("{'index':0,'delta':{},'logprobs':null,'finish_reason':'stop'}]") + tail,
            head
                + quotes("],'usage':{'prompt_tokens':7,'completion_tokens':3,'total_tokens':10,"
                    + "'prompt_tokens_details':{'cached_tokens':3}}}"),
            "[DONE]");
  }

  @Test
  void streamWithoutUsageHasNoUsageField() throws Exception {
    service.engine = FakeTextService.says("a", "b");

    List<String> events =
        events(post(PATH, "{" + HELLO + ",'stream':true,'max_tokens':1}").body());

    assertThat(events).hasSize(4).noneMatch(event -> event.contains("usage"));
    assertThat(json(events.get(2)).at("/choices/0/finish_reason").asText()).isEqualTo("length");
  }

  @Test
  void textArrivesBeforeTheAnswerEnds() throws Exception {
    try (Raw raw = new Raw()) {
      raw.sendPost(PATH, "{" + HELLO + ",'stream':true}");
      FakeTextService.Call call = service.nextCall();
      call.say("early");
      assertThat(raw.head()).startsWith("HTTP/1.1 200 OK").contains("transfer-encoding: chunked");
      StringBuilder seen = new StringBuilder();
      while (seen.indexOf("early") < 0) {
        seen.append((char) raw.in.read());
      }
      call.stop(1);
      while (seen.indexOf("data: [DONE]\n\n\r\n0\r\n\r\n") < 0) {
        seen.append((char) raw.in.read());
      }
    }
  }

  @Test
  void requestReachesTheServiceAsAsked() throws Exception {
    service.engine = FakeTextService.says("x");

    post(
        PATH,
        "{'messages':[{'role':'developer','content':'Be brief.'},{'role':'user','content':["
            + "{'type':'text','text':'a'},{'type':'text','text':'b'}]}],'max_completion_tokens':9,"
            + "'temperature':0.5,'top_p':0.25,'top_k':4,'seed':-12,'stop':['END','\\n'],"
            + "'logprobs':true,'top_logprobs':2,'user':'u1','tools':[],'logit_bias':{},"
            + "'presence_penalty':0,'response_format':{'type':'text'},'unknown':1,'store':null}");

    TextRequest request = service.nextCall().request;
    assertThat(request)
        .isEqualTo(new TextRequest(
            new TextRequest.Messages(
                List.of(new ChatMessage("system", "Be brief."), new ChatMessage("user", "ab"))),
            9,
            new SamplingParams(0.5f, 4, 0.25f, -12),
            List.of("END", "\n"),
            2,
            "u1",
            Recording.KEEP));
  }

  @Test
  void onlyWhoSaysSoIsNotKept() throws Exception {
    service.engine = FakeTextService.says("x");

    post(PATH, "{" + HELLO + ",'store':false}");
    post(PATH, "{" + HELLO + ",'store':true}");
    post(PATH, "{" + HELLO + "}");
    post("/v1/completions", "{'prompt':'a','store':false}");

    assertThat(service.nextCall().request.recording()).isEqualTo(Recording.SKIP);
    assertThat(service.nextCall().request.recording()).isEqualTo(Recording.KEEP);
    assertThat(service.nextCall().request.recording()).isEqualTo(Recording.KEEP);
    assertThat(service.nextCall().request.recording()).isEqualTo(Recording.SKIP);
  }

  @Test
  void defaultsAreOpenAis() throws Exception {
    service.engine = FakeTextService.says("x");

    post(PATH, "{" + HELLO + "}");
    post(PATH, "{" + HELLO + ",'stop':'one','seed':null}");

    TextRequest first = service.nextCall().request;
    TextRequest second = service.nextCall().request;
    assertThat(first.maxTokens()).isNull();
    assertThat(first.sampling().temperature()).isEqualTo(1);
    assertThat(first.sampling().topK()).isZero();
    assertThat(first.sampling().topP()).isEqualTo(1);
    assertThat(first.stop()).isEmpty();
    assertThat(second.stop()).containsExactly("one");
    assertThat(second.sampling().seed()).isNotEqualTo(first.sampling().seed());
  }

  @Test
  void choicesHaveTheirOwnTurnIdsAndSeeds() throws Exception {
    service.engine = FakeTextService.says("a", "b");

    JsonNode body = json(post(PATH, "{" + HELLO + ",'n':3,'seed':5}").body());

    Set<Long> seeds = new HashSet<>();
    for (int i = 0; i < 3; i++) {
      FakeTextService.Call call = service.nextCall();
      assertThat(call.id).isEqualTo(body.path("id").asText() + "-" + i);
      seeds.add(call.request.sampling().seed());
      assertThat(body.path("choices").path(i).path("index").asInt()).isEqualTo(i);
      assertThat(body.path("choices").path(i).at("/message/content").asText()).isEqualTo("ab");
    }
    assertThat(seeds).hasSize(3).contains(5L);
    assertThat(body.path("usage").path("prompt_tokens").asInt()).isEqualTo(7);
    assertThat(body.path("usage").path("completion_tokens").asInt()).isEqualTo(6);
  }

  @Test
  void streamedChoicesInterleave() throws Exception {
    try (Raw raw = new Raw()) {
      raw.sendPost(PATH, "{" + HELLO + ",'stream':true,'n':2}");
      FakeTextService.Call first = service.nextCall();
      FakeTextService.Call second = service.nextCall();
      second.say("B");
      first.say("A");
      second.stop(1);
      first.stop(1);
      raw.head();
      StringBuilder seen = new StringBuilder();
      while (seen.indexOf("[DONE]") < 0) {
        seen.append((char) raw.in.read());
      }
      assertThat(seen.toString().replaceAll("(?s)\\{\"id\".*?\"choices\":", ""))
          .containsSubsequence(
              quotes("[{'index':0,'delta':{'role'"),
              quotes("[{'index':1,'delta':{'role'"),
              quotes("[{'index':1,'delta':{'content':'B'}"),
              quotes("[{'index':0,'delta':{'content':'A'}"),
              quotes("[{'index':1,'delta':{},'logprobs':null,'finish_reason':'stop'}"),
              quotes("[{'index':0,'delta':{},'logprobs':null,'finish_reason':'stop'}"));
    }
  }

  @Test
  void logProbsHaveOpenAisShape() throws Exception {
    service.engine = call -> {
      call.listener.onText(
          "é",
          List.of(new TextListener.TokenInfo(
              1,
              "é".getBytes(StandardCharsets.UTF_8),
              -0.5f,
              List.of(
                  new TextListener.Alternative(1, "é".getBytes(StandardCharsets.UTF_8), -0.5f),
                  // The first half of it.
                  new TextListener.Alternative(
                      2, new byte[] {(byte) 195}, Float.NEGATIVE_INFINITY)))));
      call.stop(1);
    };

    JsonNode whole =
        json(post(PATH, "{" + HELLO + ",'logprobs':true,'top_logprobs':2}").body());
    List<String> events =
        events(post(PATH, "{" + HELLO + ",'logprobs':true,'top_logprobs':2,'stream':true}")
            .body());

    String expected =
        quotes("{'content':[{'token':'é','logprob':-0.5,'bytes':[195,169],'top_logprobs':["
            + "{'token':'é','logprob':-0.5,'bytes':[195,169]},"
            + "{'token':'\uFFFD','logprob':-9999.0,'bytes':[195]}]}],'refusal':null}");
    assertThat(whole.at("/choices/0/logprobs")).hasToString(expected);
    assertThat(json(events.get(1)).at("/choices/0/logprobs")).hasToString(expected);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '~',
      quoteCharacter = '`',
      value = {
        "{}~messages~missing_required_parameter~messages is missing.",
        "{'messages':[]}~messages~invalid_value~messages is empty; at least one is needed.",
        "{'messages':'x'}~messages~invalid_type~messages: expected an array of messages, got the string \"x\".",
        "{'messages':[3]}~messages[0]~invalid_type~messages[0]: expected an object, got the number 3.",
        "{'messages':[{'content':'x'}]}~messages[0].role~missing_required_parameter~messages[0].role is missing.",
        "{'messages':[{'role':'boss','content':'x'}]}~messages[0].role~invalid_value~messages[0].role is none of system, developer, user, assistant and tool.",
        "{'messages':[{'role':'user'}]}~messages[0].content~missing_required_parameter~messages[0].content is missing.",
        "{'messages':[{'role':'user','content':7}]}~messages[0].content~invalid_type~messages[0].content: expected a string or an array of parts, got the number 7.",
        "{'messages':[{'role':'user','content':[{'type':'image_url'}]}]}~messages[0].content[0].type~unsupported_parameter~messages[0].content[0].type: only parts of type text are supported.",
        "{HELLO,'temperature':'hot'}~temperature~invalid_type~temperature: expected a finite number, got the string \"hot\".",
        "{HELLO,'temperature':3}~temperature~invalid_value~temperature = 3.0 is not in [0, 2].",
        "{HELLO,'temperature':1e999}~temperature~invalid_type~temperature: expected a finite number, got the number Infinity.",
        "{HELLO,'top_p':0}~top_p~invalid_value~top_p = 0.0 is not in (0, 1].",
        "{HELLO,'max_tokens':0}~max_tokens~invalid_value~max_tokens = 0 is not in [1, 2147483647].",
        "{HELLO,'max_tokens':1.5}~max_tokens~invalid_type~max_tokens: expected an integer, got the number 1.5.",
        "{HELLO,'max_tokens':1,'max_completion_tokens':2}~max_tokens~invalid_value~max_tokens = 1 and max_completion_tokens = 2 differ; give one.",
        "{HELLO,'n':9}~n~invalid_value~n = 9 is not in [1, 8].",
        "{HELLO,'seed':99999999999999999999}~seed~invalid_type~seed: expected an integer of 64 bits, got the number 99999999999999999999.",
        "{HELLO,'stop':['']}~stop[0]~invalid_value~stop[0] is empty; it would stop before anything.",
        "{HELLO,'stop':4}~stop~invalid_type~stop: expected a string or an array of strings, got the number 4.",
        "{HELLO,'top_logprobs':2}~top_logprobs~invalid_value~top_logprobs needs logprobs to be true.",
        "{HELLO,'logprobs':true,'top_logprobs':21}~top_logprobs~invalid_value~top_logprobs = 21 is not in [0, 20].",
        "{HELLO,'stream':'yes'}~stream~invalid_type~stream: expected true or false, got the string \"yes\".",
        "{HELLO,'stream_options':{}}~stream_options~invalid_value~stream_options needs stream to be true.",
        "{HELLO,'tools':[{}]}~tools~unsupported_parameter~tools is not supported by this server; leave it out.",
        "{HELLO,'response_format':{'type':'json_object'}}~response_format~unsupported_parameter~response_format is not supported by this server; leave it out.",
        "{HELLO,'logit_bias':{'1':2}}~logit_bias~unsupported_parameter~logit_bias is not supported by this server; leave it out.",
        "{HELLO,'presence_penalty':0.5}~presence_penalty~unsupported_parameter~presence_penalty is not supported by this server; leave it out.",
        "{HELLO,'best_of':2}~best_of~unsupported_parameter~best_of is not supported by this server; leave it out."
      })
  void wrongFieldsAreNamed(String body, String parameter, String code, String message)
      throws Exception {
    String error = error(post(PATH, body.replace("HELLO", HELLO)), 400);

    assertThat(error).isEqualTo("invalid_request_error|" + parameter + "|" + code + "|" + message);
    assertThat(service.calls).isEmpty();
  }

  @Test
  void anotherModelIsNotFound() throws Exception {
    assertThat(error(post(PATH, "{'model':'gpt-9'," + HELLO + "}"), 404))
        .isEqualTo("invalid_request_error|model|model_not_found|The model \"gpt-9\" does not exist;"
            + " this server serves \"tiny\".");
  }

  @Test
  void fullQueueIs429() throws Exception {
    service.refusal = FakeTextService.busy();

    HttpResponse<String> response = post(PATH, "{" + HELLO + ",'stream':true}");

    assertThat(error(response, 429))
        .isEqualTo("rate_limit_error|null|queue_full|All 8 places are taken; try again later.");
    assertThat(response.headers().firstValue("retry-after")).contains("1");
  }

  @Test
  void whatIsFoundWhileThePromptIsReadIsAnsweredLikewise() throws Exception {
    service.tokenizer = prompt -> {
      throw RequestException.invalid("messages", "The template refuses.");
    };
    assertThat(error(post(PATH, "{" + HELLO + ",'stream':true}"), 400))
        .isEqualTo("invalid_request_error|messages|invalid_value|The template refuses.");

    service.tokenizer = prompt -> {
      throw new StackOverflowError();
    };
    assertThat(error(post(PATH, "{" + HELLO + "}"), 500)).contains("its log says why");

    service.tokenizer = prompt -> new int[] {1};
    service.engine = FakeTextService.says("well");
    assertThat(post(PATH, "{" + HELLO + "}").statusCode()).isEqualTo(200);
  }

  @Test
  void longPromptsKeepNobodyElseWaiting() throws Exception {
    CountDownLatch done = new CountDownLatch(1);
    service.tokenizer = prompt -> {
      try {
        done.await();
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
      return new int[] {1};
    };
    service.engine = FakeTextService.says("at last");
    List<Raw> waiting = new ArrayList<>();
    try {
      waiting.add(ask());
      waiting.add(ask());
      await().until(() -> service.tokenized.size() == 2); // both threads are at it
      for (int i = 0; i < 4; i++) {
        try (Raw other = new Raw()) {
          other.sendHead("GET /health HTTP/1.1", "Host: h");
          assertThat(other.head()).startsWith("HTTP/1.1 200");
        }
      }
      waiting.add(ask());
      await().until(() -> metrics.prometheusText().contains("requests_in_flight 3\n"));
      waiting.add(ask());
      await().until(() -> metrics.prometheusText().contains("requests_in_flight 4\n"));
      waiting.remove(2).close(); // who leaves is nobody's concern any more
      await().until(() -> metrics.prometheusText().contains("status=\"499\""));
      done.countDown();
      for (Raw raw : waiting) {
        assertThat(raw.body(raw.head())).contains("at last");
      }
      assertThat(service.tokenized).hasSize(3);
      assertThat(service.calls).hasSize(3);
    } finally {
      done.countDown();
      for (Raw raw : waiting) {
        raw.close();
      }
    }
  }

  private Raw ask() throws IOException {
    Raw raw = new Raw();
    raw.sendPost(PATH, "{" + HELLO + "}");
    return raw;
  }

  @Test
  void unavailableIs503AndABugIs500() throws Exception {
    service.refusal = new RequestException(
        RequestException.Kind.UNAVAILABLE, "draining", null, "The engine is draining.");
    HttpResponse<String> unavailable = post(PATH, "{" + HELLO + "}");
    service.refusal = new IllegalStateException("secret detail");
    HttpResponse<String> bug = post(PATH, "{" + HELLO + "}");

    assertThat(error(unavailable, 503))
        .isEqualTo("server_error|null|draining|The engine is draining.");
    assertThat(unavailable.headers().firstValue("retry-after")).contains("1");
    assertThat(error(bug, 500))
        .isEqualTo(
            "server_error|null|internal_error|The server failed to answer; its log says why.");
  }

  @Test
  void refusalBeforeAnyTextGetsItsStatusEvenWhereStreamed() throws Exception {
    service.engine = call -> call.listener.onEnd(
        FinishReason.ERROR,
        new TextListener.Usage(0, 0, 0),
        new RequestException(
            RequestException.Kind.INVALID,
            "context_length_exceeded",
            "messages",
            "The prompt has 3000 tokens; the context holds 2048."));

    assertThat(error(post(PATH, "{" + HELLO + ",'stream':true}"), 400))
        .isEqualTo(
            "invalid_request_error|messages|context_length_exceeded|The prompt has 3000 tokens;"
                + " the context holds 2048.");
  }

  @Test
  void errorWithinAStreamIsAnEventAndEndsTheConnection() throws Exception {
    service.engine = call -> {
      call.say("so far");
      call.listener.onEnd(FinishReason.ERROR, new TextListener.Usage(1, 0, 1), null);
    };

    try (Raw raw = new Raw()) {
      raw.sendPost(PATH, "{" + HELLO + ",'stream':true}");
      raw.head();
      String rest = raw.rest();
      assertThat(rest)
          .contains("so far")
          .contains(
              quotes(
                  "data: {'error':{'message':'The engine could not go on with the completion;"
                      + " its log says why.','type':'server_error','param':null,'code':'internal_error'}}\n\n"))
          .doesNotContain("[DONE]")
          .endsWith("\r\n0\r\n\r\n");
    }
  }

  @Test
  void oneRefusedChoiceCancelsTheOthers() throws Exception {
    service.engine = call -> {
      if (call.id.endsWith("-1")) {
        call.listener.onEnd(
            FinishReason.ERROR, new TextListener.Usage(0, 0, 0), FakeTextService.busy());
      }
    };

    error(post(PATH, "{" + HELLO + ",'n':2}"), 429);

    assertThat(service.nextCall().cancelled.get()).isTrue();
  }
}
