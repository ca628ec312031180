package io.alchemist.http;

import io.alchemist.serve.RequestException;
import io.netty.buffer.ByteBuf;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpResponseStatus;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * An answer that says what went wrong, in OpenAI's envelope.
 *
 * @param headers what goes with it, such as Allow or Retry-After
 */
public record ApiError(
    HttpResponseStatus status,
    String type,
    @Nullable String code,
    @Nullable String parameter,
    String message,
    Map<CharSequence, String> headers) {

  private static final String RETRY_AFTER_SECONDS = "1";

  /** A fault of the request. */
  public static ApiError request(HttpResponseStatus status, String code, String message) {
    return new ApiError(status, "invalid_request_error", code, null, message, Map.of());
  }

  /** The path is known, the method is not. */
  static ApiError wrongMethod(String method, String path, String allowed) {
    return new ApiError(
        HttpResponseStatus.METHOD_NOT_ALLOWED,
        "invalid_request_error",
        "method_not_allowed",
        null,
        path + " does not take " + method + "; use " + allowed + ".",
        Map.of(HttpHeaderNames.ALLOW, allowed));
  }

  /** The body is longer than it may be. */
  static ApiError tooLarge(int maxBodyBytes) {
    return request(
        HttpResponseStatus.REQUEST_ENTITY_TOO_LARGE,
        "request_too_large",
        "The body is longer than the " + maxBodyBytes + " bytes that are accepted.");
  }

  /** A refusal that may be over soon. */
  public static ApiError unavailable(String code, String message) {
    return new ApiError(
        HttpResponseStatus.SERVICE_UNAVAILABLE,
        "server_error",
        code,
        null,
        message,
        Map.of(HttpHeaderNames.RETRY_AFTER, RETRY_AFTER_SECONDS));
  }

  /** What stands behind this server failed. */
  public static ApiError upstream(HttpResponseStatus status, String code, String message) {
    return new ApiError(status, "server_error", code, null, message, Map.of());
  }

  /** A fault of ours; the log has the rest. */
  static ApiError internal(String message) {
    return new ApiError(
        HttpResponseStatus.INTERNAL_SERVER_ERROR,
        "server_error",
        "internal_error",
        null,
        message,
        Map.of());
  }

  static ApiError of(RequestException refusal) {
    return switch (refusal.kind()) {
      case INVALID -> of(HttpResponseStatus.BAD_REQUEST, "invalid_request_error", refusal, false);
      case NOT_FOUND -> of(HttpResponseStatus.NOT_FOUND, "invalid_request_error", refusal, false);
      case BUSY -> of(HttpResponseStatus.TOO_MANY_REQUESTS, "rate_limit_error", refusal, true);
      case UNAVAILABLE -> of(HttpResponseStatus.SERVICE_UNAVAILABLE, "server_error", refusal, true);
    };
  }

  private static ApiError of(
      HttpResponseStatus status, String type, RequestException refusal, boolean retry) {
    String message = refusal.getMessage();
    return new ApiError(
        status,
        type,
        refusal.code(),
        refusal.parameter(),
        message == null ? refusal.code() : message,
        retry ? Map.of(HttpHeaderNames.RETRY_AFTER, RETRY_AFTER_SECONDS) : Map.of());
  }

  /** The envelope. */
  ByteBuf body() {
    return JsonBody.write(json -> {
      json.writeStartObject();
      json.writeObjectFieldStart("error");
      json.writeStringField("message", message);
      json.writeStringField("type", type);
      json.writeStringField("param", parameter);
      json.writeStringField("code", code);
      json.writeEndObject();
      json.writeEndObject();
    });
  }
}
