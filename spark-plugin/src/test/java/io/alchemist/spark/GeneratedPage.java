package io.alchemist.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Pages of the documentation that a test writes, and compares with what it would write now. */
public final class GeneratedPage {
  private GeneratedPage() {}

  /**
   * Checks that a page is up to date; with {@code -Dalchemist.update-docs=true} writes it first.
   *
   * @param name of the file in docs
   * @param content what it should be
   * @param test that makes it
   */
  public static void check(String name, String content, Class<?> test) throws IOException {
    Path file = Path.of("..", "docs", name);
    if (Boolean.getBoolean("alchemist.update-docs")) {
      Files.writeString(file, content);
    }
    assertThat(file)
        .as(
            "docs/%s is stale. Write it anew with: mvn -pl spark-plugin -am test"
                + " -Dtest=%s -Dsurefire.failIfNoSpecifiedTests=false"
                + " -Dalchemist.update-docs=true",
            name, test.getSimpleName())
        .hasContent(content);
  }
}
