package io.alchemist.spark.demo;

import io.alchemist.spark.demo.UserScript.Ask;
import io.alchemist.spark.demo.UserScript.Channel;
import io.alchemist.spark.demo.UserScript.Nonsense;
import io.alchemist.spark.demo.UserScript.Visit;
import io.alchemist.text.ChatMessage;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Simulated users over HTTP. They chat, half of them streaming and one in five with a second question, judge what they are
 * answered, and give feedback: corrections of wrong answers, thumbs up for right ones, half by {@code POST /v1/feedback} and half
 * through the table; now and then a row of nonsense. What each does depends on the seed, see {@link UserScript}; in which order
 * they come, on how fast they are answered. Thread-safe.
 */
final class SimulatedUsers implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(SimulatedUsers.class);
  private static final long CLOSE_TIMEOUT_MILLIS = 30_000;
  private static final long AFTER_FAILURE_MILLIS = 1_000;
  private static final int POSTS_AT_ONCE = 32;

  private final UsersConfig config;
  private final Scenario scenario;
  private final ChatClient client;
  private final UserFigures figures;
  private final OutsideSystem outside;
  private final ScheduledThreadPoolExecutor pool;
  private final ExecutorService posting;
  /** Begins feedback ids, so that they don't repeat when users come again or the demo runs again on the same table. */
  private final String run = Long.toString(System.currentTimeMillis(), Character.MAX_RADIX);

  private final AtomicLong ids = new AtomicLong();
  /** The last row given to the table, to be written twice. */
  private final AtomicReference<OutsideFeedback> lastRow = new AtomicReference<>();

  /**
   * Users who do nothing before {@link #start}.
   *
   * @param figures what they do is added to these
   */
  SimulatedUsers(
      UsersConfig config,
      Scenario scenario,
      ChatClient client,
      FeedbackTable table,
      UserFigures figures) {
    this.config = config;
    this.scenario = scenario;
    this.client = client;
    this.figures = figures;
    this.outside = new OutsideSystem(table, config.appendIntervalMillis(), figures.appended);
    this.pool = new ScheduledThreadPoolExecutor(config.threads(), DemoThreads.named("user"));
    pool.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
    this.posting = Executors.newFixedThreadPool(POSTS_AT_ONCE, DemoThreads.named("post"));
  }

  /** Begins; the users come one after the other within one think time. */
  void start() {
    for (int user = 0; user < config.users(); user++) {
      UserScript script = new UserScript(scenario, config.seed(), user, config.meanThinkMillis());
      String name = "user-" + user;
      later(script, name, Math.round(config.meanThinkMillis() * user / config.users()));
    }
  }

  private void later(UserScript script, String name, long millis) {
    Future<?> unused = pool.schedule(() -> visit(script, name), millis, TimeUnit.MILLISECONDS);
  }

  private void visit(UserScript script, String name) {
    Visit visit = script.next();
    long away = visit.thinkMillis();
    try {
      talk(visit.asks(), name);
      if (visit.nonsense() != null) {
        writeNonsense(visit.nonsense(), name);
      }
    } catch (IOException | RuntimeException e) {
      figures.failures.increment();
      away += AFTER_FAILURE_MILLIS;
      LOG.debug("A request of {} failed", name, e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return;
    }
    try {
      later(script, name, away);
    } catch (RejectedExecutionException e) {
      LOG.debug("{} comes no more", name);
    }
  }

  private void talk(List<Ask> asks, String name) throws IOException, InterruptedException {
    List<ChatMessage> conversation = List.of();
    String last = "";
    for (Ask ask : asks) {
      String question = ask.question().text();
      conversation = conversation.isEmpty()
          ? Conversations.begin(scenario, question)
          : Conversations.goOn(conversation, last, question);
      Answer answer = client.ask(conversation, scenario.maxAnswerTokens(), ask.streamed(), name);
      note(answer, ask.streamed());
      react(ask, answer, name);
      last = answer.text();
    }
  }

  private void note(Answer answer, boolean wasStreamed) {
    figures.answers.increment();
    if (wasStreamed) {
      figures.streamed.increment();
    }
    if (!Double.isNaN(answer.firstTokenMillis())) {
      figures.firstTokenMillis.add(answer.firstTokenMillis());
    }
    if (!Double.isNaN(answer.perTokenMillis())) {
      figures.perTokenMillis.add(answer.perTokenMillis());
    }
  }

  private void react(Ask ask, Answer answer, String name) {
    String correction = ask.question().expected().correction();
    if (ask.question().expected().accepts(answer.text())) {
      figures.right.increment();
      if (ask.praises() && give(ask, OutsideFeedback.thumbUp(nextId(), answer.turnId(), name))) {
        figures.thumbs.increment();
      }
    } else if (ask.corrects()
        && correction != null
        && give(ask, OutsideFeedback.correction(nextId(), answer.turnId(), correction, name))) {
      figures.corrections.increment();
    }
  }

  private boolean give(Ask ask, OutsideFeedback feedback) {
    if (ask.channel() == Channel.POST) {
      // It is confirmed when it is in its table; nobody waits at the button for that.
      Future<?> unused = posting.submit(() -> post(feedback));
      return true;
    }
    lastRow.set(feedback);
    return outside.give(feedback);
  }

  private void post(OutsideFeedback feedback) {
    try {
      client.give(feedback);
      figures.posted.increment();
    } catch (IOException | RuntimeException e) {
      figures.failures.increment();
      LOG.debug("Feedback {} was not taken", feedback.id(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void writeNonsense(Nonsense kind, String name) {
    OutsideFeedback last = lastRow.get();
    String turn = last == null ? "turn-of-nobody" : last.turnId();
    long now = System.currentTimeMillis();
    OutsideFeedback row =
        switch (kind) {
          case UNKNOWN_TURN ->
            new OutsideFeedback(nextId(), "turn-of-nobody", "thumb", 1.0, null, name, now);
          case UNKNOWN_KIND ->
            new OutsideFeedback(nextId(), turn, "applause", 1.0, null, name, now);
          case EMPTY_TEXT -> new OutsideFeedback(nextId(), turn, "correction", null, "", name, now);
          case DUPLICATE_ID -> last;
        };
    if (row != null && outside.give(row)) {
      figures.nonsense.increment();
    }
  }

  private String nextId() {
    return run + "-" + ids.incrementAndGet();
  }

  /** Lets what is under way end, appends the rows that wait, and ends. */
  @Override
  public void close() {
    try {
      end(pool);
      end(posting);
      outside.close();
    } catch (InterruptedException e) {
      pool.shutdownNow();
      posting.shutdownNow();
      Thread.currentThread().interrupt();
    }
  }

  private static void end(ExecutorService threads) throws InterruptedException {
    threads.shutdown();
    if (!threads.awaitTermination(CLOSE_TIMEOUT_MILLIS, TimeUnit.MILLISECONDS)) {
      LOG.warn("Users are cut off: their requests have not ended in time");
      threads.shutdownNow();
    }
  }
}
