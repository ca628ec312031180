package io.alchemist.spark.router;

import com.fasterxml.jackson.core.JsonGenerator;
import io.alchemist.http.Exchange;
import io.alchemist.http.JsonBody;
import io.alchemist.metrics.Metrics;
import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.HttpResponseStatus;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** What the router answers itself: health, fleet and metrics. */
final class OwnEndpoints {
  private static final String PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8";

  private final Backends backends;
  private final Placement placement;
  private final Metrics metrics;

  OwnEndpoints(Backends backends, Placement placement, Metrics metrics) {
    this.backends = backends;
    this.placement = placement;
    this.metrics = metrics;
  }

  /** 200 as long as one executor is ready; what the others are at is said in both cases. */
  void health(Exchange exchange) {
    List<Backend> all = backends.all();
    long ready = all.stream().filter(one -> one.state() == Backend.State.READY).count();
    exchange.json(
        ready > 0 ? HttpResponseStatus.OK : HttpResponseStatus.SERVICE_UNAVAILABLE,
        JsonBody.write(json -> {
          json.writeStartObject();
          json.writeStringField("status", ready > 0 ? "ready" : "unavailable");
          json.writeStringField(
              "detail", ready + " of " + all.size() + " executors are ready" + others(all) + ".");
          json.writeEndObject();
        }));
  }

  void fleet(Exchange exchange) {
    exchange.json(HttpResponseStatus.OK, JsonBody.write(json -> {
      json.writeStartObject();
      json.writeStringField("object", "list");
      json.writeArrayFieldStart("data");
      for (Backend backend : backends.all()) {
        write(json, backend);
      }
      json.writeEndArray();
      json.writeEndObject();
    }));
  }

  void metrics(Exchange exchange) {
    exchange.whole(
        HttpResponseStatus.OK,
        PROMETHEUS,
        Unpooled.copiedBuffer(metrics.prometheusText(), StandardCharsets.UTF_8),
        Map.of());
  }

  /** Why executors are not ready, e.g. {@code ; 1: failed (out of memory)}. */
  static String others(List<Backend> all) {
    StringBuilder text = new StringBuilder();
    for (Backend backend : all) {
      if (backend.state() != Backend.State.READY) {
        text.append(text.isEmpty() ? "; " : ", ")
            .append(backend.id())
            .append(": ")
            .append(word(backend));
        if (!backend.detail().isEmpty()) {
          text.append(" (").append(backend.detail()).append(')');
        }
      }
    }
    return text.toString();
  }

  private void write(JsonGenerator json, Backend backend) throws IOException {
    json.writeStartObject();
    json.writeStringField("id", backend.id());
    json.writeStringField("host", backend.host());
    json.writeNumberField("port", backend.port());
    json.writeStringField("state", word(backend));
    json.writeStringField("detail", backend.detail());
    json.writeNumberField("load", backend.load());
    json.writeNumberField("in_flight", placement.inFlight(backend));
    json.writeNumberField("version", backend.version());
    json.writeEndObject();
  }

  private static String word(Backend backend) {
    return backend.state().name().toLowerCase(Locale.ROOT);
  }
}
