package io.alchemist.helpdesk;

import io.alchemist.helpdesk.Dialogue.Message;
import io.alchemist.helpdesk.Dialogue.Role;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Dialogues as the text that the model reads. Renders what {@link #TEMPLATE} renders. */
public final class ChatML {
  public static final String END_OF_TEXT = "<|endoftext|>";
  public static final String START = "<|im_start|>";
  public static final String END = "<|im_end|>";

  /** The special tokens; their ids are their places in the list. */
  public static final List<String> SPECIAL_TOKENS = List.of(END_OF_TEXT, START, END);

  /** The Jinja chat template, for {@code tokenizer_config.json}. */
  public static final String TEMPLATE = "{% for message in messages %}"
      + "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
      + "{% endfor %}"
      + "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

  private ChatML() {}

  /**
   * A piece of the rendered text. Pieces may be tokenised one by one: no token crosses their borders.
   *
   * @param trained whether the loss counts its tokens
   */
  public record Span(String text, boolean trained) {}

  /** The whole dialogue; what the assistant says, with its end mark, is trained on. */
  public static List<Span> spans(Dialogue dialogue) {
    List<Span> spans = new ArrayList<>();
    StringBuilder context = new StringBuilder(systemBlock(dialogue.system()));
    for (Message message : dialogue.messages()) {
      context.append(opening(message.role()));
      if (message.role() == Role.ASSISTANT) {
        spans.add(new Span(context.toString(), false));
        spans.add(new Span(message.text() + END, true));
        context.setLength(0);
      } else {
        context.append(message.text()).append(END);
      }
      context.append('\n');
    }
    spans.add(new Span(context.toString(), false));
    return List.copyOf(spans);
  }

  /** The whole dialogue as one text. */
  public static String render(Dialogue dialogue) {
    StringBuilder text = new StringBuilder();
    spans(dialogue).forEach(span -> text.append(span.text()));
    return text.toString();
  }

  /** What the model is given to answer a question. */
  public static String prompt(@Nullable String system, String question) {
    return systemBlock(system)
        + opening(Role.USER)
        + question
        + END
        + "\n"
        + opening(Role.ASSISTANT);
  }

  private static String systemBlock(@Nullable String system) {
    return system == null ? "" : START + "system\n" + system + END + "\n";
  }

  private static String opening(Role role) {
    return START + role.name().toLowerCase(Locale.ROOT) + "\n";
  }
}
