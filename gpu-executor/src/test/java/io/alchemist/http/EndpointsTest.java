package io.alchemist.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.alchemist.serve.TextService.Health;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class EndpointsTest extends ApiTest {
  private static final String MODEL = "{'id':'tiny','object':'model','created':1700000000,"
      + "'owned_by':'alchemist','context_tokens':2048,'live_version':5,'versions':[5,4]}";

  @Test
  void modelsAreListedAndFound() throws Exception {
    assertThat(get("/v1/models").body())
        .isEqualTo(quotes("{'object':'list','data':[" + MODEL + "]}"));
    assertThat(get("/v1/models/tiny?x=1").body()).isEqualTo(quotes(MODEL));
    assertThat(error(get("/v1/models/org%2Fbig"), 404))
        .isEqualTo(
            "invalid_request_error|model|model_not_found|The model \"org/big\" does not exist;"
                + " this server serves \"tiny\".");
  }

  @Test
  void healthFollowsTheEngine() throws Exception {
    HttpResponse<String> ready = get("/health");
    service.health = new Health(Health.Status.DRAINING, "2 requests left");
    HttpResponse<String> draining = get("/health");

    assertThat(ready.statusCode()).isEqualTo(200);
    assertThat(ready.body()).isEqualTo(quotes("{'status':'ready','detail':'serving'}"));
    assertThat(draining.statusCode()).isEqualTo(503);
    assertThat(draining.body())
        .isEqualTo(quotes("{'status':'draining','detail':'2 requests left'}"));
  }

  @Test
  void metricsCountWhatHappened() throws Exception {
    service.engine = FakeTextService.says("a");
    post(CHAT, "{'messages':[{'role':'user','content':'x'}]}");
    post(CHAT, "{}");
    await().untilAsserted(() -> assertThat(metrics.prometheusText())
        .contains("alchemist_http_requests_in_flight 0\n"));

    HttpResponse<String> response = get("/metrics");

    assertThat(response.headers().firstValue("content-type"))
        .contains("text/plain; version=0.0.4; charset=utf-8");
    assertThat(response.body())
        .contains(
            "alchemist_http_requests_total{route=\"/v1/chat/completions\",status=\"200\"} 1\n",
            "alchemist_http_requests_total{route=\"/v1/chat/completions\",status=\"400\"} 1\n",
            "alchemist_http_request_seconds_count{route=\"/v1/chat/completions\"} 2\n",
            "alchemist_http_first_token_seconds_count{route=\"/v1/chat/completions\"} 1\n",
            "alchemist_http_requests_in_flight 1\n",
            "# TYPE alchemist_http_connections gauge\n");
    Pattern line = Pattern.compile(
        "# (HELP|TYPE) [a-z0-9_]+ .+|[a-z0-9_]+(\\{[a-z]+=\"[^\"]*\"(,[a-z]+=\"[^\"]*\")*})? [-+.0-9EeInfNa]+");
    assertThat(response.body().lines()).allMatch(text -> line.matcher(text).matches());
  }

  @Test
  void unknownPathAndWrongMethod() throws Exception {
    HttpResponse<String> wrong = get(CHAT);

    assertThat(error(get("/v2/chat"), 404))
        .isEqualTo("invalid_request_error|null|unknown_path|There is nothing at /v2/chat.");
    // Only routers have it.
    assertThat(error(get("/fleet"), 404)).endsWith("There is nothing at /fleet.");
    assertThat(error(wrong, 405))
        .isEqualTo(
            "invalid_request_error|null|method_not_allowed|/v1/chat/completions does not take"
                + " GET; use POST.");
    assertThat(wrong.headers().firstValue("allow")).contains("POST");
    assertThat(post("/health", "{}").headers().firstValue("allow")).contains("GET, HEAD");
  }

  @Test
  void headHasNoBody() throws Exception {
    HttpResponse<String> head = client.send(
        request("/health").method("HEAD", HttpRequest.BodyPublishers.noBody()).build(),
        HttpResponse.BodyHandlers.ofString());

    assertThat(head.statusCode()).isEqualTo(200);
    assertThat(head.body()).isEmpty();
    assertThat(get("/health").statusCode()).isEqualTo(200);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '~',
      quoteCharacter = '`',
      value = {
        "`{'a':1,'a':2}`~Duplicate field",
        "`{'a':NaN}`~Non-standard token 'NaN'",
        "`{'a':1} {}`~Trailing token",
        "`{'a':`~Unexpected end-of-input",
        "`{'a':'\\uD800'}`~half of a character",
        "`{'a':\uD83D\uDE00}`~Unexpected character",
        "`[1]`~must be a JSON object, but is an array",
        "``~must be a JSON object, but is nothing",
        "`'text'`~must be a JSON object, but is the string"
      })
  void badJsonIs400(String body, String message) throws Exception {
    assertThat(error(post(CHAT, body), 400))
        .startsWith("invalid_request_error|null|invalid_json|The body ")
        .contains(message);
  }

  @Test
  void deepNestingIs400() throws Exception {
    String deep = "{'a':" + "[".repeat(1000) + "]".repeat(1000) + "}";

    assertThat(error(post(CHAT, deep), 400)).contains("invalid_json").contains("nesting depth");
  }

  @Test
  void invalidUtf8Is400() throws Exception {
    byte[] body = "{\"a\":\"xx\"}".getBytes(StandardCharsets.UTF_8);
    body[6] = (byte) 0xC3;

    HttpResponse<String> response = client.send(
        request(CHAT).POST(HttpRequest.BodyPublishers.ofByteArray(body)).build(),
        HttpResponse.BodyHandlers.ofString());

    assertThat(error(response, 400))
        .isEqualTo("invalid_request_error|null|invalid_json|The body is not valid UTF-8.");
  }

  @ParameterizedTest
  @CsvSource({"Content-Type,text/plain", "Content-Encoding,gzip"})
  void otherMediaIs415(String header, String value) throws Exception {
    HttpResponse<String> response = client.send(
        request(CHAT)
            .header(header, value)
            .POST(HttpRequest.BodyPublishers.ofString("{}"))
            .build(),
        HttpResponse.BodyHandlers.ofString());

    assertThat(error(response, 415))
        .isEqualTo(
            "invalid_request_error|null|unsupported_media_type|The body must be application/json,"
                + " not compressed; set Content-Type: application/json.");
  }
}
