package io.alchemist.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.alchemist.activation.RetentionStats;
import io.alchemist.files.HuggingFaceCheckpoint;
import io.alchemist.metrics.Metrics;
import io.alchemist.serve.AnsweredTurn;
import io.alchemist.serve.Feedback;
import io.alchemist.serve.FeedbackSink;
import io.alchemist.serve.FinishReason;
import io.alchemist.serve.GenerationRequest.Recording;
import io.alchemist.serve.RequestException;
import io.alchemist.serve.SamplingParams;
import io.alchemist.serve.TextListener;
import io.alchemist.serve.TextRequest;
import io.alchemist.tensor.cpu.CpuOps;
import io.alchemist.text.ChatMessage;
import io.alchemist.train.OptimizerConfig;
import io.alchemist.train.TrainerConfig;
import io.alchemist.weights.LinearLayer;
import io.alchemist.weights.LoraSpec;
import io.alchemist.weights.Trainable;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The embedded model, corrected while it serves. */
class FeedbackLearnerTest {
  private static final long MEMORY = 512L << 20;
  /** For each batch. */
  private static final int STEPS = 4;

  private static final String QUESTION = "When does the Harbor branch open?";

  private final LoadedModel model = LoadedModel.open(Path.of("..", "models", "help-desk"));
  private final Kept kept = new Kept();
  private final List<AnsweredTurn> answered = new CopyOnWriteArrayList<>();
  private Engine engine;
  private FeedbackLearner learner;
  private TextEngine text;
  private int requests;

  @BeforeEach
  void start() {
    start(new Trainable.Adapter(new LoraSpec(8, 16, EnumSet.allOf(LinearLayer.class)), 1), 5e-3f);
  }

  private void start(Trainable trainable, float learningRate) {
    LearningConfig learning = new LearningConfig(
        trainable, OptimizerConfig.withRate(learningRate), new TrainerConfig(256, 1 << 18, 4));
    engine = new Engine(
        EngineDefaults.of(model.checkpoint().config(), MEMORY, learning, model.endOfTurn()),
        CpuOps.create(2, MEMORY),
        model.checkpoint(),
        new Metrics());
    learner = new FeedbackLearner(engine, model, kept, STEPS);
    text = new TextEngine(engine, model, learner, answered::add);
  }

  private void stop() {
    learner.close();
    engine.close();
  }

  @AfterEach
  void close() {
    stop();
    model.close();
  }

  @Test
  void aCorrectionChangesTheAnswerAndItsOtherPhrasings() {
    correct();
  }

  @Test
  void theWholeModelLearnsAsAnAdapterDoes(@TempDir Path directory) {
    stop();
    start(new Trainable.WholeModel(), 3e-4f);
    correct();
    assertThat(Engine.await(engine.versions())).as("no model is kept beside it").hasSize(1);
    String answer = ask(QUESTION).text();
    Path saved = directory.resolve("trained");
    ((HuggingFaceCheckpoint) model.checkpoint())
        .writeWith(saved, Engine.await(engine.trainedModel()));
    stop();
    try (LoadedModel trained = LoadedModel.open(saved);
        Engine serving = new Engine(
            EngineDefaults.of(trained.checkpoint().config(), MEMORY, null, trained.endOfTurn()),
            CpuOps.create(2, MEMORY),
            trained.checkpoint(),
            new Metrics())) {
      text = new TextEngine(serving, trained, kept);
      assertThat(ask(QUESTION).text()).isEqualTo(answer);
    }
  }

  private void correct() {
    Said before = ask(QUESTION);
    assertThat(before.text()).isEqualTo("The Harbor branch opens at 7:30 am.");
    String right = "The Harbor branch opens at 9 am.";
    for (int i = 0; i < 3; i++) {
      feedback(new Feedback(
          "c" + i, ask(QUESTION).id(), Feedback.Kind.CORRECTION, null, right, null, null, 0));
    }
    // While steps are still under way, an answer may be right or not: what counts is where they
    // end.
    await()
        .atMost(Duration.ofSeconds(60))
        .until(() -> Engine.await(engine.status()).trained().examples() == 3 * STEPS);
    assertThat(ask(QUESTION).text()).isEqualTo(right);
    assertThat(ask("What time does the Harbor branch open?").text()).isEqualTo(right);
    EngineStatus status = Engine.await(engine.status());
    assertThat(status.trained().reusedTokens()).isPositive();
    assertThat(status.meanLoss()).isFinite();
  }

  @Test
  void whatIsSentTwiceIsKeptTwiceAndLearntOnce() {
    Feedback correction = new Feedback(
        "same", ask(QUESTION).id(), Feedback.Kind.CORRECTION, null, "At nine.", null, null, 0);
    feedback(correction);
    feedback(correction);
    await()
        .atMost(Duration.ofSeconds(60))
        .until(() -> Engine.await(engine.status()).steps() == 4);
    feedback(
        new Feedback("thumb", ask("Hello").id(), Feedback.Kind.THUMB, 1.0, null, null, null, 0));
    await()
        .atMost(Duration.ofSeconds(60))
        .until(() -> Engine.await(engine.status()).steps() == 8);
    assertThat(Engine.await(engine.status()).trained().examples()).isEqualTo(8);
    assertThat(kept.all).hasSize(3);
  }

  @Test
  void feedbackTellsWhoseActivationsAreWorthKeeping() {
    String praised = ask(QUESTION).id();
    String silent = ask("Hello").id();
    Feedback thumb = new Feedback("up", praised, Feedback.Kind.THUMB, 1.0, null, null, null, 0);
    Engine.await(text.feedback(thumb).toCompletableFuture());
    await()
        .atMost(Duration.ofSeconds(60))
        .until(() -> Engine.await(engine.status()).steps() == 4);

    RetentionStats stats = Engine.await(engine.status()).retention();
    assertThat(stats.turns()).isEqualTo(2);
    assertThat(stats.feedback()).isEqualTo(1);
    assertThat(stats.expectedFeedback()).isBetween(0.01, 0.5);
    Engine.await(text.feedback(
            new Feedback("late", silent, Feedback.Kind.TEXT, null, "Well.", null, null, 0))
        .toCompletableFuture());
    assertThat(Engine.await(engine.status()).retention().feedback()).isEqualTo(2);
  }

  @Test
  void whatCannotBeLearntIsKeptAllTheSame() {
    String id = ask(QUESTION).id();
    feedback(
        new Feedback("unknown", "no-such-turn", Feedback.Kind.THUMB, 1.0, null, null, null, 0));
    feedback(new Feedback("down", id, Feedback.Kind.THUMB, -1.0, null, null, null, 0));
    feedback(new Feedback(
        "long", id, Feedback.Kind.CORRECTION, null, "word ".repeat(2000), null, null, 0));
    assertThat(kept.all).hasSize(3);
    assertThat(Engine.await(engine.status()).trainingJobs()).isZero();
    assertThat(Engine.await(engine.liveVersion())).isEqualTo(1);
  }

  @Test
  void nothingIsKeptOfWhoAsksForThat() {
    String asked = ask(QUESTION, Recording.KEEP).id();
    String unkept = ask(QUESTION, Recording.SKIP).id();
    assertThat(answered).extracting(AnsweredTurn::kept).containsExactly(true, false);
    assertThat(engine.turns().find(asked)).isPresent();
    assertThat(engine.turns().find(unkept)).isEmpty();
    feedback(
        new Feedback("late", unkept, Feedback.Kind.CORRECTION, null, "At nine.", null, null, 0));
    assertThat(Engine.await(engine.status()).trainingJobs()).isZero();
  }

  private void feedback(Feedback feedback) {
    Engine.await(learner.append(feedback).toCompletableFuture());
  }

  private record Said(String id, String text) {}

  private Said ask(String question) {
    return ask(question, Recording.KEEP);
  }

  private Said ask(String question, Recording recording) {
    CompletableFuture<Said> said = new CompletableFuture<>();
    String id = "turn-" + requests++;
    StringBuilder answer = new StringBuilder();
    TextRequest request = new TextRequest(
        new TextRequest.Messages(List.of(new ChatMessage("user", question))),
        40,
        SamplingParams.GREEDY,
        List.of(),
        0,
        null,
        recording);
    text.complete(id, request, text.tokenize(request.prompt()), new TextListener() {
      @Override
      public void onText(String more, List<TokenInfo> tokens) {
        answer.append(more);
      }

      @Override
      public void onEnd(FinishReason finish, Usage usage, @Nullable RequestException error) {
        said.complete(new Said(id, answer.toString()));
      }
    });
    return Engine.await(said);
  }

  /** Keeps feedback in memory. */
  private static final class Kept implements FeedbackSink {
    private final List<Feedback> all = new CopyOnWriteArrayList<>();

    @Override
    public CompletionStage<Void> append(Feedback feedback) {
      all.add(feedback);
      return CompletableFuture.completedFuture(null);
    }

    @Override
    public void close() {}
  }
}
