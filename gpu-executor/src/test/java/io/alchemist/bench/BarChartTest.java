package io.alchemist.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;

class BarChartTest {
  @Test
  void isWellFormedAndHasABarForEachValue() throws Exception {
    BarChart chart = new BarChart("A < B & C", "MB", List.of("one", "two"));
    chart.add("first", List.of(1.0, 250.0), 300.0);
    chart.add("second", List.of(20.0, 0.0), null);

    String svg = chart.svg();
    Document document = DocumentBuilderFactory.newInstance()
        .newDocumentBuilder()
        .parse(new ByteArrayInputStream(svg.getBytes(StandardCharsets.UTF_8)));
    // The background, a key for each of the series, the bars.
    assertThat(document.getElementsByTagName("rect").getLength()).isEqualTo(1 + 2 + 4);
    assertThat(svg)
        .contains("A &lt; B &amp; C", ">250<", ">20.0<", "stroke-dasharray")
        .doesNotContain("NaN");
  }
}
