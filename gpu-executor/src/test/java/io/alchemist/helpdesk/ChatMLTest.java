package io.alchemist.helpdesk;

import static org.assertj.core.api.Assertions.assertThat;

import io.alchemist.helpdesk.ChatML.Span;
import io.alchemist.helpdesk.Dialogue.Message;
import io.alchemist.helpdesk.Dialogue.Role;
import java.util.List;
import org.junit.jupiter.api.Test;

class ChatMLTest {
  private final Dialogue dialogue = new Dialogue(
      "Be kind.",
      List.of(
          new Message(Role.USER, "Hi!"),
          new Message(Role.ASSISTANT, "Hello!"),
          new Message(Role.USER, "Bye!"),
          new Message(Role.ASSISTANT, "Goodbye!")));

  @Test
  void rendersAsTheTemplateDoes() {
    assertThat(ChatML.render(dialogue))
        .isEqualTo(
            """
            <|im_start|>system
            Be kind.<|im_end|>
            <|im_start|>user
            Hi!<|im_end|>
            <|im_start|>assistant
            Hello!<|im_end|>
            <|im_start|>user
            Bye!<|im_end|>
            <|im_start|>assistant
            Goodbye!<|im_end|>
            """);
  }

  @Test
  void trainsOnWhatTheAssistantSaysAndItsEnd() {
    assertThat(ChatML.spans(dialogue))
        .filteredOn(Span::trained)
        .extracting(Span::text)
        .containsExactly("Hello!<|im_end|>", "Goodbye!<|im_end|>");
  }

  @Test
  void promptIsTheBeginningOfTheDialogue() {
    Dialogue withSystem = Dialogue.of("Be kind.", "Hi!", "Hello!");
    assertThat(ChatML.render(withSystem))
        .isEqualTo(ChatML.prompt("Be kind.", "Hi!") + "Hello!<|im_end|>\n");
    Dialogue without = Dialogue.of(null, "Hi!", "Hello!");
    assertThat(ChatML.render(without)).isEqualTo(ChatML.prompt(null, "Hi!") + "Hello!<|im_end|>\n");
  }
}
