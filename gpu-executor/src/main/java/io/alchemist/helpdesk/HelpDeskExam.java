package io.alchemist.helpdesk;

import io.alchemist.engine.CacheConfig;
import io.alchemist.engine.Engine;
import io.alchemist.engine.EngineConfig;
import io.alchemist.engine.LatencyTargets;
import io.alchemist.engine.LoadedModel;
import io.alchemist.metrics.Metrics;
import io.alchemist.serve.GenerationRequest;
import io.alchemist.serve.PendingTurn;
import io.alchemist.serve.SamplingParams;
import io.alchemist.serve.SchedulerConfig;
import io.alchemist.serve.Turn;
import io.alchemist.tensor.cpu.CpuOps;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** Asks the model every held-out question, greedily, and counts exact answers. */
final class HelpDeskExam {
  private static final long MEMORY = 1L << 30;
  private final LoadedModel model;
  private final Corpus corpus;
  private final int threads;

  HelpDeskExam(LoadedModel model, Corpus corpus, int threads) {
    this.model = model;
    this.corpus = corpus;
    this.threads = threads;
  }

  /** A question that was not answered exactly. */
  private record Miss(Question question, String answer) {}

  void report(PrintWriter print) {
    report(print, "with the system prompt", corpus.systemPrompt());
    report(print, "without a system prompt", null);
  }

  private void report(PrintWriter print, String how, @Nullable String system) {
    List<Question> questions = corpus.heldOutQuestions();
    List<Miss> misses = misses(questions, system);
    print.printf(
        Locale.ROOT,
        "Held-out phrasings, %s: %d of %d answers exact (%.2f %%)%n",
        how,
        questions.size() - misses.size(),
        questions.size(),
        100.0 * (questions.size() - misses.size()) / questions.size());
    for (Miss miss : misses.subList(0, Math.min(5, misses.size()))) {
      print.printf(
          "  %s%n    said: %s%n    right: %s%n",
          miss.question().text(), miss.answer(), miss.question().answer());
    }
  }

  private List<Miss> misses(List<Question> questions, @Nullable String system) {
    EngineConfig config = new EngineConfig(
        MEMORY,
        new CacheConfig(16, 16_384, 0, 0, 0, null),
        new SchedulerConfig(32, 512, questions.size()),
        LatencyTargets.DEFAULT,
        null,
        0,
        1,
        model.endOfTurn());
    try (Engine engine =
        new Engine(config, CpuOps.create(threads, MEMORY), model.checkpoint(), new Metrics())) {
      List<CompletableFuture<Turn>> answers = new ArrayList<>();
      for (int i = 0; i < questions.size(); i++) {
        answers.add(ask(
            engine, Integer.toString(i), ChatML.prompt(system, questions.get(i).text())));
      }
      List<Miss> misses = new ArrayList<>();
      for (int i = 0; i < questions.size(); i++) {
        String answer = model.tokenizer().decode(Engine.await(answers.get(i)).completion());
        if (!answer.equals(questions.get(i).answer())) {
          misses.add(new Miss(questions.get(i), answer));
        }
      }
      return misses;
    }
  }

  private CompletableFuture<Turn> ask(Engine engine, String id, String prompt) {
    int[] tokens = model.tokenizer().encodeTemplated(prompt);
    PendingTurn answer = new PendingTurn();
    return engine
        .generate(new GenerationRequest(id, tokens, 64, SamplingParams.GREEDY, 0), answer)
        .thenCompose(queued -> answer.turn());
  }
}
