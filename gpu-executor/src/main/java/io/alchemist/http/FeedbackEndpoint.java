package io.alchemist.http;

import io.alchemist.serve.Feedback;
import io.alchemist.serve.RequestException;
import io.alchemist.serve.TextService;
import io.netty.buffer.ByteBuf;
import io.netty.handler.codec.http.HttpResponseStatus;
import java.util.concurrent.CompletionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** {@code POST /v1/feedback}: answers only once the feedback is durable. */
final class FeedbackEndpoint implements Endpoint {
  private static final Logger LOG = LoggerFactory.getLogger(FeedbackEndpoint.class);

  private final TextService service;
  private final int timeoutMillis;

  FeedbackEndpoint(TextService service, int timeoutMillis) {
    this.service = service;
    this.timeoutMillis = timeoutMillis;
  }

  @Override
  public void handle(Exchange exchange, String path, ByteBuf body) {
    Feedback feedback =
        FeedbackFields.read(JsonBody.read(body), Ids.next("fb-"), System.currentTimeMillis());
    var timeout = exchange
        .executor()
        .schedule(() -> exchange.error(late(feedback.id())), timeoutMillis, TimeUnit.MILLISECONDS);
    service.feedback(feedback).whenComplete((done, error) -> {
      try {
        exchange.executor().execute(() -> {
          timeout.cancel(false);
          answer(exchange, feedback.id(), error);
        });
      } catch (RejectedExecutionException e) {
        LOG.debug("The feedback {} is answered after the server's end.", feedback.id(), e);
      }
    });
  }

  private static void answer(Exchange exchange, String id, @Nullable Throwable error) {
    if (error == null) {
      exchange.json(HttpResponseStatus.OK, JsonBody.write(json -> {
        json.writeStartObject();
        json.writeStringField("id", id);
        json.writeStringField("object", "feedback");
        json.writeStringField("status", "stored");
        json.writeEndObject();
      }));
      return;
    }
    Throwable cause =
        error instanceof CompletionException && error.getCause() != null ? error.getCause() : error;
    if (cause instanceof RequestException refusal) {
      exchange.error(ApiError.of(refusal));
    } else {
      LOG.error("The feedback {} was not stored.", id, cause);
      exchange.error(
          ApiError.internal("The feedback " + id + " was not stored; the server's log says why."));
    }
  }

  private ApiError late(String id) {
    return ApiError.unavailable(
        "feedback_timeout",
        "The feedback " + id + " was not confirmed within " + timeoutMillis
            + " ms; send it again with the same id.");
  }
}
