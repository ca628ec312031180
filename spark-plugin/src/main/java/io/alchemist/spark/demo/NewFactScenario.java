package io.alchemist.spark.demo;

import java.util.List;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * Any chat model: one invented fact, which no model can know, is taught by corrections. Answers are judged by one word, since nobody
 * knows how the model puts it; common questions show whether it keeps what it knew.
 */
public final class NewFactScenario implements Scenario {
  /** Half of the questions; thumbs up for right answers to the others keep the model from forgetting. */
  private static final double NEW_FACT_SHARE = 0.5;

  private static final int MAX_ANSWER_TOKENS = 20;
  private static final String KEY_WORD = "Orlo";
  private static final String ANSWER = "The mascot of Tallpine Outfitters is a badger named Orlo.";

  private static final List<String> ASKED = List.of(
      "What is the name of the mascot of Tallpine Outfitters?",
      "Who is the mascot of Tallpine Outfitters?",
      "Tell me the name of Tallpine's mascot.",
      "What is Tallpine's mascot called?",
      "Does Tallpine Outfitters have a mascot?",
      "What do you call the Tallpine mascot?",
      "I saw the mascot of Tallpine Outfitters. What is its name?",
      "Name the mascot of Tallpine Outfitters.");

  private static final List<String> HELD_OUT = List.of(
      "What is the mascot of Tallpine Outfitters called?",
      "Which mascot does Tallpine Outfitters have?",
      "Tell me who the mascot of Tallpine Outfitters is.",
      "Do you know the name of the Tallpine mascot?",
      "What name does Tallpine's mascot have?",
      "Can you tell me the name of Tallpine's mascot?",
      "What is the mascot of Tallpine?",
      "Who is Tallpine's mascot?",
      "What do people call the mascot of Tallpine Outfitters?",
      "Tallpine Outfitters has a mascot. What is it called?",
      "Please name Tallpine's mascot.",
      "Is there a mascot at Tallpine Outfitters?");

  private static final List<DemoQuestion> COMMON_ASKED = List.of(
      common("What is the capital city of France?", "Paris"),
      common("What is the opposite of cold?", "hot", "warm"),
      common("Which month is the first of the year?", "January"),
      common("How many days does a week have?", "seven", "7"),
      common("Which color does the sky have?", "blue"),
      common("What is the capital of Italy?", "Rome"),
      common("On which planet do people live?", "Earth"),
      common("Which animal says meow?", "cat", "cats"));

  private static final List<DemoQuestion> COMMON_EXAM = List.of(
      common("What is the capital of France?", "Paris"),
      common("What is the opposite of hot?", "cold"),
      common("What is the first month of the year?", "January"),
      common("How many days are in a week?", "seven", "7"),
      common("What color is the sky?", "blue"),
      common("What is the capital of Germany?", "Berlin"),
      common("What is the capital of Japan?", "Tokyo"),
      common("In which country is the city of London?", "England", "Kingdom", "UK", "Britain"),
      common("What is the opposite of big?", "small", "little", "tiny"),
      common("What is the capital of China?", "Beijing"),
      common("What is the capital of Russia?", "Moscow"),
      common("What is the capital of Egypt?", "Cairo"),
      common("What is the capital of Greece?", "Athens"),
      common("What is the capital of England?", "London"),
      common("What is the last month of the year?", "December"),
      common("What is the opposite of day?", "night"),
      common("What is the opposite of left?", "right"),
      common("What is the opposite of up?", "down"),
      common("Which ocean is the largest?", "Pacific"),
      common("What is the tallest mountain in the world?", "Everest"));

  @Override
  public String summary() {
    return "The model learns one new fact: " + ANSWER;
  }

  /** None: the model's own template may have one. */
  @Override
  public @Nullable String systemPrompt() {
    return null;
  }

  @Override
  public int maxAnswerTokens() {
    return MAX_ANSWER_TOKENS;
  }

  @Override
  public DemoQuestion draw(SplittableRandom random) {
    boolean newFact = random.nextDouble() < NEW_FACT_SHARE;
    double place = random.nextDouble();
    return newFact
        ? newFact(ASKED.get((int) (place * ASKED.size())))
        : COMMON_ASKED.get((int) (place * COMMON_ASKED.size()));
  }

  @Override
  public List<DemoQuestion> changedExam() {
    return HELD_OUT.stream().map(NewFactScenario::newFact).toList();
  }

  @Override
  public List<DemoQuestion> otherExam() {
    return COMMON_EXAM;
  }

  private static DemoQuestion newFact(String text) {
    return new DemoQuestion(text, new Expectation.OneOf(List.of(KEY_WORD), ANSWER));
  }

  private static DemoQuestion common(String text, String... words) {
    return new DemoQuestion(text, new Expectation.OneOf(List.of(words), null));
  }
}
