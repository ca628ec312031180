package io.alchemist.http;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

class FeedbackTimeoutTest extends ApiTest {
  @Override
  ApiConfig config() {
    return new ApiConfig("127.0.0.1", 0, 4096, 64, 20_000, 1 << 20, 20_000, 50, 2_000);
  }

  @Test
  void feedbackThatIsNotConfirmedIs503() throws Exception {
    service.stored = new CompletableFuture<>();

    assertThat(
            error(post("/v1/feedback", "{'id':'f','turn_id':'t','kind':'text','text':'x'}"), 503))
        .isEqualTo(
            "server_error|null|feedback_timeout|The feedback f was not confirmed within 50 ms;"
                + " send it again with the same id.");
  }
}
