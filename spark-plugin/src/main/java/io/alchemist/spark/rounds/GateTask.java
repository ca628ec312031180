package io.alchemist.spark.rounds;

import io.alchemist.engine.Engine;
import io.alchemist.engine.LoadedModel;
import io.alchemist.spark.executor.EngineHolder;
import io.alchemist.spark.executor.ExecutorEngine;
import io.alchemist.spark.fleet.Packed;
import io.alchemist.text.ChatMessage;
import io.alchemist.text.ChatTemplate;
import io.alchemist.train.GradientReport;
import io.alchemist.train.TrainingExample;
import io.alchemist.weights.AdapterData;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.broadcast.Broadcast;
import org.jspecify.annotations.Nullable;

/**
 * Runs on an executor: the loss of some examples before and after a round. Gives four numbers: sum of losses and of weights at
 * the base version, and likewise at the candidate. Examples that the model can't hold count for nothing, in both.
 */
final class GateTask implements FlatMapFunction<Iterator<Packed<GateExample>>, double[]> {
  private static final long serialVersionUID = 1L;

  private final Broadcast<Packed<GateWork>> broadcast;

  GateTask(Broadcast<Packed<GateWork>> broadcast) {
    this.broadcast = broadcast;
  }

  @Override
  public Iterator<double[]> call(Iterator<Packed<GateExample>> given) throws InterruptedException {
    GateWork work = broadcast.value().value();
    ExecutorEngine engine = EngineHolder.await();
    List<GateExample> examples = new ArrayList<>();
    given.forEachRemaining(example -> examples.add(example.value()));
    double[] before;
    if (Engine.await(engine.engine().versions()).contains(work.baseVersion())) {
      before = loss(engine, examples, work.baseVersion());
    } else {
      before = lossAtDraft(engine, examples, work.baseNumber(), work.base());
    }
    double[] after = lossAtDraft(engine, examples, work.candidateNumber(), work.candidate());
    return List.of(new double[] {before[0], before[1], after[0], after[1]}).iterator();
  }

  private static double[] lossAtDraft(
      ExecutorEngine engine, List<GateExample> examples, long number, AdapterData adapter) {
    try (ExecutorEngine.Draft draft = engine.draft(number, adapter)) {
      return loss(engine, examples, draft.number());
    }
  }

  private static double[] loss(ExecutorEngine engine, List<GateExample> examples, long at) {
    List<TrainingExample> usable = new ArrayList<>();
    for (GateExample example : examples) {
      TrainingExample tokens = tokens(engine.model(), example, usable.size(), at);
      if (tokens != null && fits(engine, tokens)) {
        usable.add(tokens);
      }
    }
    if (usable.isEmpty()) {
      return new double[2];
    }
    GradientReport report = Engine.await(engine.engine().loss(usable));
    return new double[] {report.loss(), report.weight()};
  }

  private static boolean fits(ExecutorEngine engine, TrainingExample example) {
    try {
      engine.engine().check(example);
      return true;
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  private static @Nullable TrainingExample tokens(
      LoadedModel model, GateExample example, int index, long version) {
    int[] prompt = example.prompt();
    int[] completion = example.completion();
    List<GateExample.Message> messages = example.messages();
    ChatTemplate template = model.template();
    if (prompt == null && messages != null && template != null) {
      prompt = model
          .tokenizer()
          .encodeChat(
              template,
              messages.stream()
                  .map(message -> new ChatMessage(message.role(), message.content()))
                  .toList());
    }
    String answer = example.answer();
    if (completion == null && answer != null) {
      completion = model.answerTokens(answer);
    }
    return prompt == null || prompt.length == 0 || completion == null || completion.length == 0
        ? null
        : TrainingExample.completion("gate-" + index, prompt, completion, version);
  }
}
