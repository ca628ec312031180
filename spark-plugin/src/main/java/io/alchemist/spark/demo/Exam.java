package io.alchemist.spark.demo;

import io.alchemist.text.ChatMessage;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/**
 * Asks questions and counts right answers. Nobody gives feedback on an exam's answers, so nothing is learnt from them; the user of
 * their turns is {@value #USER}. One exam at a time.
 */
public final class Exam {
  static final String USER = "exam";
  private static final int ATTEMPTS = 5;
  private static final long BETWEEN_ATTEMPTS_MILLIS = 400;

  private final ChatClient client;
  private final Scenario scenario;
  private final int concurrency;

  /**
   * An exam over HTTP.
   *
   * @param concurrency questions under way at once
   */
  public Exam(ChatClient client, Scenario scenario, int concurrency) {
    this.client = client;
    this.scenario = scenario;
    this.concurrency = concurrency;
  }

  /** At most {@code count} of the questions, evenly spread, always the same ones. */
  public static List<DemoQuestion> sample(List<DemoQuestion> questions, int count) {
    List<DemoQuestion> sample = new ArrayList<>();
    int wanted = Math.min(count, questions.size());
    for (int i = 0; i < wanted; i++) {
      sample.add(questions.get((int) ((long) i * questions.size() / wanted)));
    }
    return List.copyOf(sample);
  }

  /**
   * Asks them all.
   *
   * @throws IOException when a question gets no answer however often it is asked
   */
  public Score ask(List<DemoQuestion> questions) throws IOException, InterruptedException {
    ExecutorService pool = Executors.newFixedThreadPool(concurrency, DemoThreads.named("exam"));
    try {
      List<Future<Boolean>> answers = new ArrayList<>();
      for (DemoQuestion question : questions) {
        answers.add(pool.submit(() -> isRight(question)));
      }
      Set<DemoQuestion> right = new HashSet<>();
      for (int i = 0; i < questions.size(); i++) {
        if (answers.get(i).get()) {
          right.add(questions.get(i));
        }
      }
      return new Score(questions, right);
    } catch (ExecutionException e) {
      throw new IOException("The exam can't be held: " + e.getCause(), e);
    } finally {
      pool.shutdownNow();
    }
  }

  private boolean isRight(DemoQuestion question) throws IOException, InterruptedException {
    List<ChatMessage> conversation = Conversations.begin(scenario, question.text());
    for (int attempt = 1; ; attempt++) {
      try {
        Answer answer = client.ask(conversation, scenario.maxAnswerTokens(), false, USER);
        return question.expected().accepts(answer.text());
      } catch (IOException e) {
        if (attempt == ATTEMPTS) {
          throw e;
        }
        TimeUnit.MILLISECONDS.sleep(BETWEEN_ATTEMPTS_MILLIS * attempt);
      }
    }
  }
}
