package io.alchemist.spark.ui;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.JsonSerializer;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializerProvider;
import com.fasterxml.jackson.databind.module.SimpleModule;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;

/** The tab's data as JSON, for scripts: names are those of the events; numbers that are not finite are null. */
final class PageJson {
  private static final ObjectMapper MAPPER = new ObjectMapper()
      .registerModule(new SimpleModule()
          .addSerializer(Double.class, new FiniteOrNull())
          .addSerializer(Double.TYPE, new FiniteOrNull()));

  private PageJson() {}

  /** Everything that the page shows of {@code now}, all kept rounds and versions included. */
  static JsonNode of(Snapshot now) {
    ObjectNode json = MAPPER.createObjectNode();
    json.put("live", now.live());
    json.put("timeMillis", now.nowMillis());
    json.put("liveVersion", now.liveNumber());
    json.set("started", MAPPER.valueToTree(now.started()));
    json.set("totals", MAPPER.valueToTree(now.totals()));
    json.set("audits", MAPPER.valueToTree(now.audits()));
    json.set("problems", MAPPER.valueToTree(Problems.of(now)));
    json.set("executors", MAPPER.valueToTree(now.executors()));
    json.set("rounds", MAPPER.valueToTree(now.rounds()));
    json.set("versions", MAPPER.valueToTree(now.versions()));
    return json;
  }

  private static final class FiniteOrNull extends JsonSerializer<Double> {
    @Override
    public void serialize(Double value, JsonGenerator json, SerializerProvider provider)
        throws IOException {
      if (Double.isFinite(value)) {
        json.writeNumber(value);
      } else {
        json.writeNull();
      }
    }
  }
}
