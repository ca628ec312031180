package io.alchemist.http;

import com.fasterxml.jackson.core.JsonGenerator;
import io.alchemist.metrics.Buckets;
import io.alchemist.metrics.Family;
import io.alchemist.metrics.Histogram;
import io.alchemist.metrics.Metrics;
import io.alchemist.serve.TextService;
import io.alchemist.serve.TextService.Health;
import io.alchemist.serve.TextService.ModelInfo;
import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.HttpResponseStatus;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Executor;

/** What answers each route. Stateless but for what it is given. */
final class Endpoints {
  private static final String PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8";

  private final TextService service;
  private final Metrics metrics;
  private final Executor tokenizing;
  private final Family<Histogram> firstTokenSeconds;

  private Endpoints(TextService service, Metrics metrics, Executor tokenizing) {
    this.service = service;
    this.metrics = metrics;
    this.tokenizing = tokenizing;
    firstTokenSeconds = metrics.histograms(
        "alchemist_http_first_token_seconds",
        "Seconds from a request's head to the first text of its completion.",
        Buckets.SECONDS,
        "route");
  }

  /**
   * All routes of a service.
   *
   * @param tokenizing where prompts are cut into tokens
   */
  static Map<Route, Endpoint> of(
      ApiConfig config, TextService service, Metrics metrics, Executor tokenizing) {
    Endpoints endpoints = new Endpoints(service, metrics, tokenizing);
    Map<Route, Endpoint> map = new EnumMap<>(Route.class);
    map.put(
        Route.CHAT_COMPLETIONS,
        (exchange, path, body) ->
            endpoints.generate(exchange, ChatFields::read, JsonBody.read(body), new ChatFormat()));
    map.put(
        Route.COMPLETIONS,
        (exchange, path, body) -> endpoints.generate(
            exchange, CompletionFields::read, JsonBody.read(body), new CompletionFormat()));
    map.put(Route.MODELS, (exchange, path, body) -> endpoints.models(exchange));
    map.put(Route.MODEL, (exchange, path, body) -> endpoints.model(exchange, Route.model(path)));
    map.put(Route.FEEDBACK, new FeedbackEndpoint(service, config.feedbackTimeoutMillis()));
    map.put(Route.HEALTH, (exchange, path, body) -> endpoints.health(exchange));
    map.put(Route.METRICS, (exchange, path, body) -> endpoints.metrics(exchange));
    return map;
  }

  /** Reads a request for text. */
  @FunctionalInterface
  private interface Reader {
    Generation read(Fields fields, String model);
  }

  private void generate(Exchange exchange, Reader reader, Fields fields, ResponseFormat format) {
    ModelInfo model = service.model();
    Generation generation = reader.read(fields, model.id());
    Envelope envelope = Envelope.of(format, Ids.next(format.idPrefix()), model, generation);
    new GenerationRun(exchange, firstTokenSeconds, generation, envelope).start(service, tokenizing);
  }

  private void models(Exchange exchange) {
    ModelInfo model = service.model();
    exchange.json(HttpResponseStatus.OK, JsonBody.write(json -> {
      json.writeStartObject();
      json.writeStringField("object", "list");
      json.writeArrayFieldStart("data");
      write(json, model);
      json.writeEndArray();
      json.writeEndObject();
    }));
  }

  private void model(Exchange exchange, String id) {
    ModelInfo model = service.model();
    if (!model.id().equals(id)) {
      throw CommonFields.noSuchModel(id, model.id());
    }
    exchange.json(HttpResponseStatus.OK, JsonBody.write(json -> write(json, model)));
  }

  private static void write(JsonGenerator json, ModelInfo model) throws IOException {
    json.writeStartObject();
    json.writeStringField("id", model.id());
    json.writeStringField("object", "model");
    json.writeNumberField("created", model.createdEpochSeconds());
    json.writeStringField("owned_by", "alchemist");
    json.writeNumberField("context_tokens", model.contextTokens());
    json.writeNumberField("live_version", model.liveVersion());
    json.writeArrayFieldStart("versions");
    for (long version : model.versions()) {
      json.writeNumber(version);
    }
    json.writeEndArray();
    json.writeEndObject();
  }

  private void health(Exchange exchange) {
    Health health = service.health();
    HttpResponseStatus status = health.status() == Health.Status.READY
        ? HttpResponseStatus.OK
        : HttpResponseStatus.SERVICE_UNAVAILABLE;
    exchange.json(status, JsonBody.write(json -> {
      json.writeStartObject();
      json.writeStringField("status", health.status().name().toLowerCase(Locale.ROOT));
      json.writeStringField("detail", health.detail());
      json.writeEndObject();
    }));
  }

  private void metrics(Exchange exchange) {
    exchange.whole(
        HttpResponseStatus.OK,
        PROMETHEUS,
        Unpooled.copiedBuffer(metrics.prometheusText(), StandardCharsets.UTF_8),
        Map.of());
  }
}
