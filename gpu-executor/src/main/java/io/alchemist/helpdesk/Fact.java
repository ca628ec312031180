package io.alchemist.helpdesk;

/**
 * One thing the help desk knows: {@code relation} of {@code subject} is {@code value}.
 *
 * @param relation name of a {@link Relation}, such as {@code opens}
 * @param subject what the fact is about, as it stands in the middle of a sentence
 * @param value one of {@link Relation#values()}
 */
public record Fact(String relation, String subject, String value) {

  /** What stays the same when the value changes; unique in a sheet, such as {@code opens/Harbor}. */
  public String id() {
    return relation + "/" + subject;
  }

  /** The same fact with another value. */
  public Fact withValue(String newValue) {
    return new Fact(relation, subject, newValue);
  }
}
