package io.alchemist.helpdesk;

import io.alchemist.helpdesk.Dialogue.Message;
import io.alchemist.helpdesk.Dialogue.Role;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The endless, seeded stream of dialogues that the help desk is trained on. Dialogue {@code i} depends on the seed and
 * {@code i} only, so any part can be had at any time, in any order, from any thread.
 *
 * <p>About two thirds are one question and its answer; the rest are two questions, a follow-up that names only
 * another subject, politeness around a question, small talk, and questions nobody knows the answer to. Facts and
 * training phrasings are drawn evenly. Held-out phrasings never occur.
 */
public final class Corpus {
  private final FactSheet sheet;
  private final Phrasings phrasings;
  private final SmallTalk talk;
  private final List<Fact> facts;
  private final long seed;

  /** Dialogues about the facts of the sheet in the training phrasings. */
  public Corpus(FactSheet sheet, Phrasings phrasings, long seed) {
    this.sheet = sheet;
    this.phrasings = phrasings;
    this.talk = SmallTalk.builtIn();
    this.facts = sheet.facts();
    this.seed = seed;
  }

  /** About the built-in sheet, with its split. */
  public static Corpus builtIn(long seed) {
    FactSheet sheet = FactSheet.builtIn();
    return new Corpus(sheet, Phrasings.builtIn(sheet), seed);
  }

  public FactSheet sheet() {
    return sheet;
  }

  public Phrasings phrasings() {
    return phrasings;
  }

  /** The system prompt to serve with, one of those trained with. */
  public String systemPrompt() {
    return talk.systemPrompts().get(0);
  }

  /** All system prompts trained with; the last is long. */
  public List<String> systemPrompts() {
    return List.copyOf(talk.systemPrompts());
  }

  /** The answer to what the desk does not know. */
  public String unknownAnswer() {
    return talk.unknown();
  }

  /** Every held-out phrasing for every fact, as written: what accuracy is measured on. */
  public List<Question> heldOutQuestions() {
    return phrasings.questions(sheet, Split.HELD_OUT);
  }

  /** Dialogues 0 to {@code count - 1}. */
  public Stream<Dialogue> dialogues(long count) {
    return LongStream.range(0, count).mapToObj(this::dialogue);
  }

  /** One dialogue of the stream; fewer than 200 tokens. */
  public Dialogue dialogue(long index) {
    SplittableRandom random = Seeds.random(seed, index);
    String system = system(random);
    List<Message> messages = new ArrayList<>(6);
    int share = random.nextInt(100);
    if (share < 66) {
      ask(Seeds.pick(facts, random), messages, random);
    } else if (share < 76) {
      ask(Seeds.pick(facts, random), messages, random);
      ask(Seeds.pick(facts, random), messages, random);
    } else if (share < 83) {
      followUp(messages, random);
    } else if (share < 87) {
      chat(talk.on("greeting"), messages, random);
      ask(Seeds.pick(facts, random), messages, random);
    } else if (share < 91) {
      ask(Seeds.pick(facts, random), messages, random);
      chat(talk.on("thanks"), messages, random);
    } else if (share < 96) {
      askOfStranger(messages, random);
    } else {
      chat(Seeds.pick(talk.smallTalk(), random), messages, random);
    }
    return new Dialogue(system, messages);
  }

  /** None in four of ten, the usual one in three of ten, else any. */
  private @Nullable String system(SplittableRandom random) {
    int share = random.nextInt(10);
    if (share < 4) {
      return null;
    }
    return share < 7 ? systemPrompt() : Seeds.pick(talk.systemPrompts(), random);
  }

  private void ask(Fact fact, List<Message> messages, SplittableRandom random) {
    say(question(fact.relation(), fact.subject(), random), answer(fact), messages);
  }

  private void askOfStranger(List<Message> messages, SplittableRandom random) {
    Relation relation = Seeds.pick(sheet.relations(), random);
    String stranger = Seeds.pick(talk.strangersTo(relation), random);
    say(question(relation.name(), stranger, random), talk.unknown(), messages);
  }

  private void followUp(List<Message> messages, SplittableRandom random) {
    Fact first = Seeds.pick(facts, random);
    Fact second = Seeds.pick(sheet.ofRelation(first.relation()), random);
    ask(first, messages, random);
    String template = Seeds.pick(talk.followUpsTo(sheet.relation(first)), random);
    String question = Templates.fill(template, second.subject());
    say(Surface.question(question, random), answer(second), messages);
  }

  private static void chat(
      SmallTalk.Exchange exchange, List<Message> messages, SplittableRandom random) {
    say(
        Surface.smallTalk(Seeds.pick(exchange.user(), random), random),
        exchange.answer(),
        messages);
  }

  private String question(String relation, String subject, SplittableRandom random) {
    String template = Seeds.pick(phrasings.templates(relation, Split.TRAINING), random);
    return Surface.question(Templates.fill(template, subject), random);
  }

  private String answer(Fact fact) {
    return sheet.relation(fact).answer(fact);
  }

  private static void say(String question, String answer, List<Message> messages) {
    messages.add(new Message(Role.USER, question));
    messages.add(new Message(Role.ASSISTANT, answer));
  }
}
