package io.alchemist.spark.demo;

import java.util.List;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * Any chat model: one invented fact, which no model can know, is taught by corrections. Answers are judged by one word, since nobody
 * knows how the model puts it; common questions show whether it keeps what it knew.
 */
public final class NewFactScenario implements Scenario {
  /** How many of the questions are about it. */
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

  /**
   * Of many kinds, such as a small model knows: what is praised is kept, and what gets lost while the new fact is learnt is
   * corrected.
   */
  private static final List<DemoQuestion> COMMON_ASKED = List.of(
      corrected("What is the capital of Poland?", "The capital of Poland is Warsaw.", "Warsaw"),
      corrected(
          "What is the capital of Sweden?", "The capital of Sweden is Stockholm.", "Stockholm"),
      corrected("What is the capital of India?", "The capital of India is New Delhi.", "Delhi"),
      corrected("What is the capital of Austria?", "The capital of Austria is Vienna.", "Vienna"),
      corrected("What is the capital of Canada?", "The capital of Canada is Ottawa.", "Ottawa"),
      corrected(
          "What is the opposite of cold?", "The opposite of cold is hot.", "hot", "warm", "heat"),
      corrected("What is the opposite of small?", "The opposite of small is big.", "big", "large"),
      corrected("What is the opposite of night?", "The opposite of night is day.", "day"),
      corrected("What is the opposite of fast?", "The opposite of fast is slow.", "slow"),
      corrected("What is the opposite of old?", "The opposite of old is young.", "young", "new"),
      corrected(
          "What is the opposite of happy?", "The opposite of happy is sad.", "sad", "unhappy"),
      corrected(
          "Which month is the first of the year?",
          "The first month of the year is January.",
          "January"),
      corrected("What color is blood?", "Blood is red.", "red"),
      corrected("Which animal says meow?", "The animal that says meow is a cat.", "cat", "cats"),
      corrected(
          "In which country is the city of Tokyo?", "The city of Tokyo is in Japan.", "Japan"),
      corrected(
          "Who painted the Mona Lisa?", "Leonardo da Vinci painted the Mona Lisa.", "Leonardo"),
      corrected(
          "What is the chemical formula of water?", "The chemical formula of water is H2O.", "H2O"),
      corrected(
          "What is the largest desert in the world?",
          "The largest desert in the world is the Sahara.",
          "Sahara"),
      corrected(
          "What is the coldest continent?", "The coldest continent is Antarctica.", "Antarctica"),
      corrected("What is the name of our galaxy?", "Our galaxy is called the Milky Way.", "Milky"),
      corrected(
          "What is the main language of Brazil?",
          "The main language of Brazil is Portuguese.",
          "Portuguese"),
      corrected(
          "What is the main language of France?",
          "The main language of France is French.",
          "French"),
      corrected("What is the currency of Japan?", "The currency of Japan is the yen.", "yen"),
      corrected(
          "Who invented the telephone?", "Alexander Graham Bell invented the telephone.", "Bell"));

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

  private static DemoQuestion corrected(String text, String correction, String... words) {
    return new DemoQuestion(text, new Expectation.OneOf(List.of(words), correction));
  }

  private static DemoQuestion common(String text, String... words) {
    return new DemoQuestion(text, new Expectation.OneOf(List.of(words), null));
  }
}
