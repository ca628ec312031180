package io.alchemist.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ChatTemplateTest {
  private static final List<ChatMessage> MESSAGES =
      List.of(new ChatMessage("system", "Be kind."), new ChatMessage("user", "Hi "));

  @Test
  void chatMl() {
    String transcript = "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHi <|im_end|>\n";
    assertThat(ChatTemplate.chatMl().renderTranscript(MESSAGES)).isEqualTo(transcript);
    assertThat(ChatTemplate.chatMl().renderForGeneration(MESSAGES))
        .isEqualTo(transcript + "<|im_start|>assistant\n");
  }

  @Test
  void llama3() {
    String transcript =
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe kind.<|eot_id|>"
            + "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>";
    assertThat(ChatTemplate.llama3().renderTranscript(MESSAGES)).isEqualTo(transcript);
    assertThat(ChatTemplate.llama3().renderForGeneration(MESSAGES))
        .isEqualTo(transcript + "<|start_header_id|>assistant<|end_header_id|>\n\n");
  }

  @Test
  void readsTheTemplateOfADirectory(@TempDir Path directory) throws IOException {
    assertThat(ChatTemplate.fromDirectory(directory)).isEmpty();
    Path config = directory.resolve("tokenizer_config.json");
    Files.writeString(config, "{\"bos_token\": \"<s>\"}");
    assertThat(ChatTemplate.fromDirectory(directory)).isEmpty();
    Files.writeString(
        config,
        "{\"bos_token\": {\"content\": \"<s>\"}, \"chat_template\": \"{{ bos_token }}one\"}");
    assertThat(render(directory)).isEqualTo("<s>one");
    Files.writeString(
        config,
        "{\"chat_template\": [{\"name\": \"tool_use\", \"template\": \"no\"},"
            + " {\"name\": \"default\", \"template\": \"two\"}]}");
    assertThat(render(directory)).isEqualTo("two");
    Files.writeString(directory.resolve("chat_template.jinja"), "three");
    assertThat(render(directory)).isEqualTo("three");
  }

  private static String render(Path directory) throws IOException {
    return ChatTemplate.fromDirectory(directory).orElseThrow().renderTranscript(MESSAGES);
  }

  @Test
  void aListWithoutDefaultIsRefused(@TempDir Path directory) throws IOException {
    Files.writeString(
        directory.resolve("tokenizer_config.json"),
        "{\"chat_template\": [{\"name\": \"rag\", \"template\": \"no\"}]}");
    assertThatThrownBy(() -> ChatTemplate.fromDirectory(directory))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("nor a list with a template named 'default' (names found: [rag])");
  }
}
