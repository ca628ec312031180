package io.alchemist.serve;

import org.jspecify.annotations.Nullable;

/** A request that is refused, with what the client is to be told. */
public final class RequestException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** What kind of refusal; the HTTP status follows from it. */
  public enum Kind {
    /** The request itself is wrong: 400. */
    INVALID,
    /** No such model, version or turn: 404. */
    NOT_FOUND,
    /** The queue is full; later it may work: 429. */
    BUSY,
    /** The engine is draining or has failed: 503. */
    UNAVAILABLE
  }

  private final Kind kind;
  private final String code;
  private final @Nullable String parameter;

  public RequestException(Kind kind, String code, @Nullable String parameter, String message) {
    super(message);
    this.kind = kind;
    this.code = code;
    this.parameter = parameter;
  }

  /** A parameter out of range. */
  public static RequestException invalid(String parameter, String message) {
    return new RequestException(Kind.INVALID, "invalid_value", parameter, message);
  }

  public Kind kind() {
    return kind;
  }

  /** A stable word for programs, e.g. {@code context_length_exceeded}. */
  public String code() {
    return code;
  }

  /** The request's field that is wrong, if one is. */
  public @Nullable String parameter() {
    return parameter;
  }
}
