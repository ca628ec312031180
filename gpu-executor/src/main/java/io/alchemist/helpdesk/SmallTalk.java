package io.alchemist.helpdesk;

import com.fasterxml.jackson.core.type.TypeReference;
import java.util.List;
import java.util.Map;

/**
 * What is said besides facts; the file {@code talk.json}.
 *
 * @param systemPrompts prompts the desk may be served with; the first is the usual one
 * @param unknown the answer to what the desk does not know
 * @param smallTalk politeness and idle questions
 * @param followUps by kind of subject: short questions that take their relation from the turn before
 * @param strangers by kind: subjects the desk knows nothing of
 */
record SmallTalk(
    List<String> systemPrompts,
    String unknown,
    List<Exchange> smallTalk,
    Map<String, List<String>> followUps,
    Map<String, List<String>> strangers) {

  /** Things a user may say that all have the same answer. */
  record Exchange(String topic, List<String> user, String answer) {}

  /** The exchange on that topic. */
  Exchange on(String topic) {
    return smallTalk.stream()
        .filter(exchange -> exchange.topic().equals(topic))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("No small talk on the topic " + topic));
  }

  /** Templates of questions that follow one on this relation. */
  List<String> followUpsTo(Relation relation) {
    return of(followUps, relation, "followUps");
  }

  /** Unknown subjects of the relation's kind. */
  List<String> strangersTo(Relation relation) {
    return of(strangers, relation, "strangers");
  }

  private static List<String> of(
      Map<String, List<String>> byKind, Relation relation, String field) {
    List<String> list = byKind.get(relation.kind());
    if (list == null || list.isEmpty()) {
      throw new IllegalArgumentException(
          "Small talk has no %s for subjects of the kind %s (relation %s): add them to talk.json"
              .formatted(field, relation.kind(), relation.name()));
    }
    return list;
  }

  static SmallTalk builtIn() {
    return Resources.read("talk.json", new TypeReference<>() {});
  }
}
