package io.alchemist.spark;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.alchemist.feedback.RoundRecord;
import io.alchemist.feedback.Table;
import io.alchemist.feedback.Txn;
import io.alchemist.spark.rounds.Audit;
import io.alchemist.spark.rounds.RoundObserver;
import io.alchemist.spark.rounds.RoundTimes;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.apache.spark.network.util.JavaUtils;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.awaitility.Awaitility;
import org.awaitility.core.ConditionFactory;
import org.scalactic.source.Position;
import org.scalatest.Tag;
import org.scalatest.funsuite.AnyFunSuite;
import scala.Function0;
import scala.Function1;
import scala.Option;
import scala.collection.concurrent.TrieMap;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;
import scala.jdk.javaapi.FunctionConverters;
import scala.runtime.BoxedUnit;

/**
 * A job from start to end as a Scala program runs it: with Scala's collections, options and functions around the public API, and
 * as a ScalaTest suite. In Java all the same, so that the build needs no Scala compiler.
 */
public final class ScalaUserJobTest extends AnyFunSuite {
  private static final Duration LIMIT = Duration.ofMinutes(2);
  private static final int MAX_ROUNDS = 4;
  private static final String QUESTION = "When does the Harbor branch open?";
  private static final String RIGHT = "The Harbor branch opens at 9 am.";
  private static final HttpClient HTTP = HttpClient.newHttpClient();
  private static final ObjectMapper JSON = new ObjectMapper();

  private record Answer(String id, String text) {}

  /** Says what it does to ScalaTest's runner, which makes it. */
  public ScalaUserJobTest() {
    test(
        "a newer version answers as it was corrected",
        CollectionConverters.asScala(List.<Tag>of()).toSeq(),
        body(this::aNewerVersionAnswersAsItWasCorrected),
        Position.apply("ScalaUserJobTest.java", "io/alchemist/spark/ScalaUserJobTest.java", 1));
  }

  private Object aNewerVersionAnswersAsItWasCorrected() throws Exception {
    Path directory = Files.createTempDirectory("scala-user");
    TrieMap<Long, RoundRecord> rounds = new TrieMap<>();
    Function1<RoundRecord, BoxedUnit> onRound =
        FunctionConverters.asScalaFromConsumer(round -> rounds.put(round.round(), round));
    TrieMap<Long, Audit> audits = new TrieMap<>();
    SparkSession spark = JobSession.start(
        directory,
        Map.of(
            "spark.alchemist.reuse.auditFraction",
            1,
            "spark.alchemist.turns.interval",
            "200ms",
            "spark.alchemist.round.interval",
            "200ms",
            "spark.alchemist.train.learningRate",
            0.003,
            "spark.alchemist.train.stepsPerRound",
            6));
    try {
      ContinualLearning job = ContinualLearning.start(spark, observer(onRound, audits));
      String address = job.address();
      try (job) {
        Answer first = ask(address);
        assertThat(first.text()).isEqualTo("The Harbor branch opens at 7:30 am.");
        Row turn = turn(job, first.id());
        assertThat(turn.<String>getAs("completion_text")).isEqualTo(first.text());
        long version = job.liveVersion();
        assertThat(turn.<Long>getAs("version")).isEqualTo(version);

        append(job, "first", first.id());
        Answer later = askAfter(job, rounds, "first");
        for (int round = 1; round < MAX_ROUNDS && !later.text().equals(RIGHT); round++) {
          append(job, "again-" + round, later.id());
          later = askAfter(job, rounds, "again-" + round);
        }
        assertThat(later.text()).isEqualTo(RIGHT);
        long newer = turn(job, later.id()).<Long>getAs("version");
        assertThat(newer).isGreaterThan(version);

        RoundRecord round = roundOf(rounds, "first").get();
        assertThat(round.fromVersion()).isEqualTo(version);
        assertThat(round.toVersion()).isGreaterThan(version);
        assertThat(round.reusedTokens()).isPositive();
        assertThat(versions(job).contains(newer)).isTrue();

        await().until(() -> audits.contains(round.round()));
        Audit audit = audits.apply(round.round());
        assertThat(audit.reusedTokens()).isPositive();
        assertThat(audit.relativeError()).isLessThan(1e-5);
        assertThat(audit.cosine()).isGreaterThan(0.99999);
      }
      assertThat(spark.sparkContext().isStopped()).as("the session goes on").isFalse();
      assertThat(spark.range(3).count()).isEqualTo(3);
    } finally {
      spark.stop();
      JavaUtils.deleteRecursively(directory.toFile());
    }
    return succeed();
  }

  /** Asks once the version is served that a feedback was trained into. */
  private static Answer askAfter(
      ContinualLearning job, TrieMap<Long, RoundRecord> rounds, String feedbackId)
      throws Exception {
    Option<RoundRecord> round =
        await().until(() -> roundOf(rounds, feedbackId), found -> found.isDefined());
    long newer = Objects.requireNonNull(round.get().toVersion());
    assertThat(job.fleet().awaitVersion(newer, LIMIT)).isTrue();
    return ask(job.address());
  }

  private static ConditionFactory await() {
    return Awaitility.await().atMost(LIMIT).pollInterval(Duration.ofMillis(500));
  }

  private static void append(ContinualLearning job, String id, String turnId) {
    Row row = RowFactory.create(id, turnId, "correction", null, RIGHT, null, "scala", null);
    job.tables().append(Table.FEEDBACK, List.of(row), new Txn("test-" + id, 1));
  }

  private static RoundObserver observer(
      Function1<RoundRecord, BoxedUnit> onRound, TrieMap<Long, Audit> audits) {
    return new RoundObserver() {
      @Override
      public void reached(Step step, String queryId, long batchId) {}

      @Override
      public void ended(RoundRecord round, RoundTimes times) {
        onRound.apply(round);
      }

      @Override
      public void audited(Audit audit) {
        audits.put(audit.round(), audit);
      }
    };
  }

  /** The round that trained a feedback. */
  private static Option<RoundRecord> roundOf(TrieMap<Long, RoundRecord> rounds, String feedbackId) {
    return rounds.values().find(round -> round.trained().contains(feedbackId));
  }

  /** The turn of an answer, once it is in its table. */
  private static Row turn(ContinualLearning job, String id) {
    return await()
        .until(
            () -> CollectionConverters.asScala(job.tables()
                    .read(Table.TURNS)
                    .where(functions.col("turn_id").equalTo(id))
                    .collectAsList())
                .headOption(),
            found -> found.isDefined())
        .get();
  }

  /** The versions that went live. */
  private static Seq<Long> versions(ContinualLearning job) {
    Dataset<Long> live = job.tables()
        .read(Table.VERSIONS)
        .where(functions.col("status").equalTo("LIVE"))
        .select("version")
        .as(Encoders.LONG());
    return CollectionConverters.asScala(live.collectAsList()).toSeq();
  }

  private static Answer ask(String address) throws Exception {
    String body = """
        {"messages": [{"role": "user", "content": "%s"}], "temperature": 0}"""
        .formatted(QUESTION);
    HttpResponse<String> response = HTTP.send(
        HttpRequest.newBuilder(URI.create(address + "/v1/chat/completions"))
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(body))
            .build(),
        HttpResponse.BodyHandlers.ofString());
    assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
    JsonNode answer = JSON.readTree(response.body());
    return new Answer(
        answer.get("id").asText(), answer.at("/choices/0/message/content").asText());
  }

  /** A test's body as ScalaTest takes it. */
  private static Function0<Object> body(Callable<Object> test) {
    return () -> {
      try {
        return test.call();
      } catch (Exception e) {
        throw new IllegalStateException(e);
      }
    };
  }
}
