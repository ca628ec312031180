package io.alchemist.spark.demo;

import java.io.IOException;

/** The server answered, but not with what was asked for. */
public final class ApiException extends IOException {
  private static final int QUOTED_CHARS = 300;
  private final int status;

  ApiException(int status, String path, String body) {
    super("The server answered " + path + " with status " + status + ": "
        + body.strip().substring(0, Math.min(QUOTED_CHARS, body.strip().length())));
    this.status = status;
  }

  /** The HTTP status. */
  public int status() {
    return status;
  }
}
