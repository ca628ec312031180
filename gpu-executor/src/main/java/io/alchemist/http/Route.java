package io.alchemist.http;

import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.QueryStringDecoder;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What can be asked for, and the name under which metrics count it. */
public enum Route {
  CHAT_COMPLETIONS("/v1/chat/completions", Route.WRITE),
  COMPLETIONS("/v1/completions", Route.WRITE),
  MODELS("/v1/models", Route.READ),
  MODEL("/v1/models/{id}", Route.READ),
  FEEDBACK("/v1/feedback", Route.WRITE),
  HEALTH("/health", Route.READ),
  METRICS("/metrics", Route.READ),
  /** The executors behind a router; only a router has it. */
  FLEET("/fleet", Route.READ),
  /** Any other path. */
  NONE("other", "");

  private static final String READ = "GET, HEAD";
  private static final String WRITE = "POST";
  private static final String MODEL_PREFIX = "/v1/models/";

  private final String template;
  private final String allowed;

  Route(String template, String allowed) {
    this.template = template;
    this.allowed = allowed;
  }

  /** The decoded path of a request's target, which may be a path or a whole URI. */
  static @Nullable String path(String target) {
    int from = 0;
    if (!target.startsWith("/")) {
      int scheme = target.indexOf("://");
      int slash = scheme < 0 ? -1 : target.indexOf('/', scheme + 3);
      if (slash < 0) {
        return null;
      }
      from = slash;
    }
    try {
      return new QueryStringDecoder(target.substring(from)).path();
    } catch (IllegalArgumentException e) {
      return null;
    }
  }

  /** The route of a path. */
  static Route of(String path) {
    for (Route route : values()) {
      if (route.template.equals(path) && route != MODEL && route != NONE) {
        return route;
      }
    }
    return path.startsWith(MODEL_PREFIX) && path.length() > MODEL_PREFIX.length() ? MODEL : NONE;
  }

  /** The model's name in a path of {@link #MODEL}. */
  static String model(String path) {
    return path.substring(MODEL_PREFIX.length());
  }

  /** The path with its variable part named. */
  public String template() {
    return template;
  }

  boolean takes(HttpMethod method) {
    return List.of(allowed.split(", ")).contains(method.name());
  }

  /** Methods it takes, for the Allow header. */
  String allowed() {
    return allowed;
  }
}
