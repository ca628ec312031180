package io.alchemist.engine;

import io.alchemist.serve.Feedback;
import io.alchemist.serve.FeedbackSink;
import io.alchemist.serve.Turn;
import io.alchemist.train.TrainingExample;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Learns from feedback as it comes, on one engine without anything around it: a correction trains the answer that would have
 * been right, a thumb up the answer that was given. All feedback goes to another sink first, and is confirmed when that
 * has it; learning follows. What comes while a batch is being trained makes up the next.
 *
 * <p>Thread-safe.
 */
public final class FeedbackLearner implements FeedbackSink {
  private static final Logger LOG = LoggerFactory.getLogger(FeedbackLearner.class);
  private static final int MAX_PENDING = 1_000;
  private static final int MAX_BATCH = 16;
  private static final int MAX_REMEMBERED = 100_000;

  private final Engine engine;
  private final LoadedModel model;
  private final FeedbackSink durable;
  private final int stepsPerBatch;
  private final Queue<TrainingExample> pending = new ArrayDeque<>();
  /** Ids of the last feedback learnt: what is sent twice is learnt once. */
  private final Set<String> taken = Collections.newSetFromMap(new LinkedHashMap<>() {
    @Override
    protected boolean removeEldestEntry(Map.Entry<String, Boolean> eldest) {
      return size() > MAX_REMEMBERED;
    }
  });

  private boolean training;
  private boolean closed;

  /**
   * Learns on {@code engine}.
   *
   * @param durable keeps the feedback; closed with this
   * @param stepsPerBatch updates for each batch: the first from what serving logged, the others at the new weights
   */
  public FeedbackLearner(
      Engine engine, LoadedModel model, FeedbackSink durable, int stepsPerBatch) {
    if (stepsPerBatch < 1) {
      throw new IllegalArgumentException("Feedback can't be learnt in " + stepsPerBatch
          + " updates; give at least one for each batch.");
    }
    this.engine = engine;
    this.model = model;
    this.durable = durable;
    this.stepsPerBatch = stepsPerBatch;
  }

  @Override
  public CompletionStage<Void> append(Feedback feedback) {
    return durable.append(feedback).thenRun(() -> {
      try {
        take(feedback);
      } catch (RuntimeException e) {
        // It is stored, and that is what was promised.
        LOG.warn("Feedback {} is kept but not learnt", feedback.id(), e);
      }
    });
  }

  private void take(Feedback feedback) {
    TrainingExample example = example(feedback);
    if (example == null) {
      return;
    }
    engine.check(example);
    synchronized (this) {
      if (closed || taken.contains(feedback.id())) {
        return;
      }
      if (pending.size() >= MAX_PENDING) {
        LOG.warn(
            "{} examples wait to be learnt; feedback {} is kept but not learnt",
            MAX_PENDING,
            feedback.id());
        return;
      }
      pending.add(example);
      taken.add(feedback.id());
    }
    next();
  }

  /** What a piece of feedback teaches, or null: of no other kind, or about a turn that is not remembered. */
  private @Nullable TrainingExample example(Feedback feedback) {
    Optional<Turn> found = engine.turns().find(feedback.turnId());
    if (found.isEmpty()) {
      LOG.info(
          "Feedback {} is about turn {}, which is not remembered; not learnt",
          feedback.id(),
          feedback.turnId());
      return null;
    }
    Turn turn = found.get();
    String text = feedback.text();
    Double score = feedback.score();
    return switch (feedback.kind()) {
      case CORRECTION -> text == null ? null : example(feedback, turn, model.answerTokens(text));
      case THUMB ->
        score == null || score <= 0 || turn.completion().length == 0
            ? null
            : example(feedback, turn, turn.completion());
      case SCORE, PREFERENCE, TEXT -> null;
    };
  }

  private static TrainingExample example(Feedback feedback, Turn turn, int[] answer) {
    return TrainingExample.completion(feedback.id(), turn.prompt(), answer, turn.version())
        .ofTurn(turn.id());
  }

  /** Begins the next batch unless one is being trained. */
  private void next() {
    List<TrainingExample> batch = new ArrayList<>();
    synchronized (this) {
      if (training || closed || pending.isEmpty()) {
        return;
      }
      training = true;
      while (batch.size() < MAX_BATCH && !pending.isEmpty()) {
        batch.add(pending.remove());
      }
    }
    CompletableFuture<Void> unused = train(batch, 1).handle((done, failure) -> {
      if (failure != null) {
        LOG.warn(
            "Learning from {} pieces of feedback failed; they are kept in the feedback file",
            batch.size(),
            failure);
      }
      synchronized (this) {
        training = false;
      }
      next();
      return null;
    });
  }

  private CompletableFuture<Void> train(List<TrainingExample> batch, int step) {
    return engine.train(batch).thenCompose(done -> {
      LOG.info(
          "Version {} is live: {} examples, step {} of {}, loss {}, {} of {} prompt tokens reused",
          done.version(),
          batch.size(),
          step,
          stepsPerBatch,
          done.batch().meanLoss(),
          done.batch().reusedTokens(),
          done.batch().reusedTokens() + done.batch().recomputedTokens());
      if (step == stepsPerBatch) {
        return CompletableFuture.completedFuture(null);
      }
      List<TrainingExample> atLive = batch.stream()
          .map(e -> new TrainingExample(e.id(), e.tokens(), e.weights(), TrainingExample.LIVE))
          .toList();
      return train(atLive, step + 1);
    });
  }

  @Override
  public void close() {
    synchronized (this) {
      closed = true;
      pending.clear();
    }
    durable.close();
  }
}
