package io.alchemist.http;

import static org.assertj.core.api.Assertions.assertThat;

import io.alchemist.serve.Feedback;
import io.alchemist.serve.FileFeedbackSink;
import io.alchemist.serve.RequestException;
import java.io.IOException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FeedbackEndpointTest extends ApiTest {
  private static final String PATH = "/v1/feedback";
  private static final String THUMB = "{'id':'f1','turn_id':'t1','kind':'thumb','score':1}";

  @Test
  void answersOnlyOnceItIsStored() throws Exception {
    CompletableFuture<Void> stored = new CompletableFuture<>();
    service.stored = stored;

    CompletableFuture<HttpResponse<String>> response = client.sendAsync(
        request(PATH).POST(HttpRequest.BodyPublishers.ofString(quotes(THUMB))).build(),
        HttpResponse.BodyHandlers.ofString());

    assertThat(service.feedbacks.poll(10, TimeUnit.SECONDS)).isNotNull();
    // A whole round trip of another request: an answer given too early would have come by now.
    get("/health");
    assertThat(response).isNotDone();
    stored.complete(null);
    assertThat(response.get(10, TimeUnit.SECONDS).body())
        .isEqualTo(quotes("{'id':'f1','object':'feedback','status':'stored'}"));
  }

  @Test
  void everyKindIsTakenOver() throws Exception {
    post(PATH, THUMB);
    post(PATH, "{'turn_id':'t','kind':'score','score':-0.25,'user':'u'}");
    post(PATH, "{'turn_id':'t','kind':'correction','text':'right'}");
    post(PATH, "{'turn_id':'t','kind':'preference','text':'good','rejected':'bad'}");
    post(PATH, "{'turn_id':'t','kind':'text','text':'hm'}");

    Feedback thumb = service.feedbacks.remove();
    assertThat(thumb)
        .isEqualTo(new Feedback(
            "f1", "t1", Feedback.Kind.THUMB, 1.0, null, null, null, thumb.createdEpochMillis()));
    Feedback score = service.feedbacks.remove();
    assertThat(score.id()).matches("fb-[0-9a-f]{32}");
    assertThat(score.score()).isEqualTo(-0.25);
    assertThat(score.user()).isEqualTo("u");
    assertThat(service.feedbacks.remove().text()).isEqualTo("right");
    assertThat(service.feedbacks.remove().rejected()).isEqualTo("bad");
    assertThat(service.feedbacks.remove().kind()).isEqualTo(Feedback.Kind.TEXT);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '~',
      quoteCharacter = '`',
      value = {
        "{'kind':'thumb','score':1}~turn_id is missing.",
        "{'turn_id':'t'}~kind is missing.",
        "{'turn_id':'t','kind':'star'}~kind must be one of [thumb, score, correction, preference, text].",
        "{'turn_id':'t','kind':'thumb'}~score is missing; kind thumb needs it.",
        "{'turn_id':'t','kind':'thumb','score':0.5}~score = 0.5 is not a thumb's: 1 for up or -1 for down.",
        "{'turn_id':'t','kind':'score','score':1e999}~score: expected a finite number, got the number Infinity.",
        "{'turn_id':'t','kind':'score','score':1,'text':'x'}~text does not go with kind score; leave it out.",
        "{'turn_id':'t','kind':'correction','text':' '}~text is blank; kind correction needs it.",
        "{'turn_id':'t','kind':'text','text':'x','rejected':'y'}~rejected does not go with kind text; leave it out.",
        "{'turn_id':'a b','kind':'text','text':'x'}~turn_id must be visible ASCII characters without spaces, and at least one.",
        "{'turn_id':'t','kind':'text','txt':'x'}~txt is no field of feedback; there are id, turn_id, kind, score, text, rejected and user."
      })
  void wrongFieldsAreNamed(String body, String message) throws Exception {
    assertThat(error(post(PATH, body), 400)).endsWith("|" + message);
    assertThat(service.feedbacks).isEmpty();
  }

  @Test
  void failuresGetTheirStatus() throws Exception {
    service.stored = CompletableFuture.failedFuture(new CompletionException(
        new RequestException(RequestException.Kind.BUSY, "feedback_queue_full", null, "Later.")));
    String busy = error(post(PATH, THUMB), 429);
    service.stored = CompletableFuture.failedFuture(new IOException("disk full"));
    String failed = error(post(PATH, THUMB), 500);

    assertThat(busy).isEqualTo("rate_limit_error|null|feedback_queue_full|Later.");
    assertThat(failed)
        .isEqualTo(
            "server_error|null|internal_error|The feedback f1 was not stored; the server's log"
                + " says why.");
  }

  @Test
  void storedInARealFile(@TempDir Path directory) throws Exception {
    Path file = directory.resolve("feedback.jsonl");
    try (FileFeedbackSink sink = FileFeedbackSink.open(file, 10)) {
      service.stored = sink.append(
          new Feedback("f1", "t1", Feedback.Kind.CORRECTION, null, "Grüße\n", null, null, 17));
      assertThat(post(PATH, THUMB).statusCode()).isEqualTo(200);
      assertThat(FileFeedbackSink.read(file)).hasSize(1);
    }
  }
}
