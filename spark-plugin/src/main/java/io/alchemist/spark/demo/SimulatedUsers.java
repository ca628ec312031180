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
import java.util.concurrent.atomic.LongAdder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Simulated users over HTTP. They chat, half of them streaming and one in five with a second question, judge what they are
 * answered, and give feedback: corrections of wrong answers, thumbs up for right ones, half by {@code POST /v1/feedback} and half
 * through the table; now and then a row of nonsense. What each does depends on the seed, see {@link UserScript}; in which order
 * they come, on how fast they are answered. Thread-safe.
 */
public final class SimulatedUsers implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(SimulatedUsers.class);
  private static final long CLOSE_TIMEOUT_MILLIS = 30_000;
  private static final long AFTER_FAILURE_MILLIS = 1_000;
  private static final int POSTS_AT_ONCE = 32;

  private final UsersConfig config;
  private final Scenario scenario;
  private final ChatClient client;
  private final OutsideSystem outside;
  private final ScheduledThreadPoolExecutor pool;
  private final ExecutorService posting;
  /** Begins feedback ids, so that they don't repeat when the demo runs again on the same table. */
  private final String run = Long.toString(System.currentTimeMillis(), Character.MAX_RADIX);

  private final LatencyStats firstToken = new LatencyStats();
  private final LatencyStats perToken = new LatencyStats();
  private final AtomicLong ids = new AtomicLong();
  private final LongAdder answers = new LongAdder();
  private final LongAdder streamed = new LongAdder();
  private final LongAdder right = new LongAdder();
  private final LongAdder posted = new LongAdder();
  private final LongAdder corrections = new LongAdder();
  private final LongAdder thumbs = new LongAdder();
  private final LongAdder nonsense = new LongAdder();
  private final LongAdder failures = new LongAdder();
  /** The last row given to the table, to be written twice. */
  private final AtomicReference<OutsideFeedback> lastRow = new AtomicReference<>();

  /** Users who do nothing before {@link #start}. */
  public SimulatedUsers(
      UsersConfig config, Scenario scenario, ChatClient client, FeedbackTable table) {
    this.config = config;
    this.scenario = scenario;
    this.client = client;
    this.outside = new OutsideSystem(table, config.appendIntervalMillis());
    this.pool = new ScheduledThreadPoolExecutor(config.threads(), DemoThreads.named("user"));
    pool.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
    this.posting = Executors.newFixedThreadPool(POSTS_AT_ONCE, DemoThreads.named("post"));
  }

  /** Begins; the users come one after the other within one think time. */
  public void start() {
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
      failures.increment();
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
    answers.increment();
    if (wasStreamed) {
      streamed.increment();
    }
    if (!Double.isNaN(answer.firstTokenMillis())) {
      firstToken.add(answer.firstTokenMillis());
    }
    if (!Double.isNaN(answer.perTokenMillis())) {
      perToken.add(answer.perTokenMillis());
    }
  }

  private void react(Ask ask, Answer answer, String name) {
    String correction = ask.question().expected().correction();
    if (ask.question().expected().accepts(answer.text())) {
      right.increment();
      if (ask.praises() && give(ask, OutsideFeedback.thumbUp(nextId(), answer.turnId(), name))) {
        thumbs.increment();
      }
    } else if (ask.corrects()
        && correction != null
        && give(ask, OutsideFeedback.correction(nextId(), answer.turnId(), correction, name))) {
      corrections.increment();
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
      posted.increment();
    } catch (IOException | RuntimeException e) {
      failures.increment();
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
      nonsense.increment();
    }
  }

  private String nextId() {
    return run + "-" + ids.incrementAndGet();
  }

  /** What they did so far. */
  public UserCounts counts() {
    return new UserCounts(
        answers.sum(),
        streamed.sum(),
        right.sum(),
        posted.sum(),
        outside.appended(),
        corrections.sum(),
        thumbs.sum(),
        nonsense.sum(),
        failures.sum());
  }

  /** From sending a request to its first text, at the client; streamed answers. */
  public LatencyStats firstTokenMillis() {
    return firstToken;
  }

  /** From one token to the next, at the client; the mean of each streamed answer. */
  public LatencyStats perTokenMillis() {
    return perToken;
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
