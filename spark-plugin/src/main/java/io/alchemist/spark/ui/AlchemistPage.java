package io.alchemist.spark.ui;

import jakarta.servlet.http.HttpServletRequest;
import org.apache.spark.ui.UIUtils;
import org.apache.spark.ui.WebUIPage;
import org.json4s.JValue;
import org.json4s.jackson.JsonMethods$;
import scala.Option;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;
import scala.xml.Node;
import scala.xml.Unparsed;

/** The tab's one page, rendered anew from the store for each request, on the web server's threads. */
final class AlchemistPage extends WebUIPage {
  private final AlchemistTab tab;
  private final AlchemistStore store;
  private final boolean live;

  AlchemistPage(AlchemistTab tab, AlchemistStore store, boolean live) {
    super("");
    this.tab = tab;
    this.store = store;
    this.live = live;
  }

  @Override
  public Seq<Node> render(HttpServletRequest request) {
    String body = PageBody.render(
        snapshot(),
        Pager.number(request.getParameter(PageBody.ROUNDS_PAGE)),
        Pager.number(request.getParameter(PageBody.VERSIONS_PAGE)));
    Seq<Node> content = CollectionConverters.asScala(java.util.List.<Node>of(new Unparsed(body)))
        .toSeq();
    return UIUtils.headerSparkPage(
        request, "Alchemist", () -> content, tab, Option.empty(), false, false);
  }

  @Override
  public JValue renderJson(HttpServletRequest request) {
    return JsonMethods$.MODULE$.fromJsonNode(PageJson.of(snapshot()));
  }

  private Snapshot snapshot() {
    return store.snapshot(live, System.currentTimeMillis());
  }
}
