package io.alchemist.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class StreamSupervisorTest {
  private static final Duration LONG = Duration.ofSeconds(30);
  private static final long HOUR_MILLIS = 3_600_000;

  private final List<FakeStream> started = Collections.synchronizedList(new ArrayList<>());
  private final CountDownLatch givenUp = new CountDownLatch(1);
  private final AtomicLong batches = new AtomicLong();
  private volatile @Nullable RuntimeException startFails;
  private volatile int lastFailingStart = Integer.MAX_VALUE;

  /** A stream that runs until the test ends it. */
  private static final class FakeStream implements StreamSupervisor.Stream {
    private final CountDownLatch ended = new CountDownLatch(1);
    private volatile @Nullable Exception why;
    final AtomicInteger wakeUps = new AtomicInteger();
    final AtomicInteger closed = new AtomicInteger();

    void end(@Nullable Exception withFailure) {
      why = withFailure;
      ended.countDown();
    }

    @Override
    public void awaitEnd() {
      try {
        ended.await();
      } catch (InterruptedException e) {
        Undeclared.raise(e);
      }
      Exception failure = why;
      if (failure != null) {
        Undeclared.raise(failure);
      }
    }

    @Override
    public void wakeUp() {
      wakeUps.incrementAndGet();
    }

    @Override
    public void finish(Duration limit) {}

    @Override
    public void close() {
      closed.incrementAndGet();
      ended.countDown();
    }
  }

  private StreamSupervisor supervisor(long firstPauseMillis) {
    return new StreamSupervisor(
        () -> {
          FakeStream stream = new FakeStream();
          started.add(stream);
          RuntimeException failure = startFails;
          if (failure != null && started.size() <= lastFailingStart) {
            stream.close();
            throw failure;
          }
          return stream;
        },
        givenUp::countDown,
        batches::get,
        firstPauseMillis);
  }

  private FakeStream awaitStream(int number) {
    Awaitility.await().atMost(LONG).until(() -> started.size() >= number);
    return started.get(number - 1);
  }

  private static Exception failure(int number) {
    return new Exception("Batch failed for the " + number + ". time.");
  }

  @Test
  void startsAgainAfterAFailure() {
    try (StreamSupervisor supervisor = supervisor(1)) {
      awaitStream(1).end(failure(1));
      FakeStream second = awaitStream(2);
      assertThat(started.get(0).closed).hasValue(1);
      Awaitility.await().atMost(LONG).until(() -> {
        supervisor.wakeUp();
        return second.wakeUps.get() > 0;
      });
      assertThatCode(supervisor::throwFailure).doesNotThrowAnyException();
      assertThat(givenUp.getCount()).isEqualTo(1);
    }
    assertThat(started).hasSize(2).last().extracting(s -> s.closed.get()).isEqualTo(1);
  }

  @Test
  void givesUpAfterSoManyFailuresInARow() throws InterruptedException {
    try (StreamSupervisor supervisor = supervisor(1)) {
      for (int i = 1; i <= StreamSupervisor.MAX_FAILURES; i++) {
        awaitStream(i).end(failure(i));
      }
      assertThat(givenUp.await(30, TimeUnit.SECONDS)).isTrue();
      assertThat(started).hasSize(StreamSupervisor.MAX_FAILURES);
      assertThatThrownBy(supervisor::throwFailure)
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("Feedback can't be processed: Batch failed for the 5. time."
              + " What was not trained is kept and comes again at the next start.")
          .hasCauseInstanceOf(Exception.class);
    }
  }

  @Test
  void failuresWithABatchDoneInBetweenAreNotInARow() throws InterruptedException {
    try (StreamSupervisor supervisor = supervisor(1)) {
      int most = StreamSupervisor.MAX_FAILURES;
      for (int i = 1; i < most; i++) {
        awaitStream(i).end(failure(i));
      }
      FakeStream recovered = awaitStream(most);
      batches.incrementAndGet();
      recovered.end(failure(most));
      for (int i = most + 1; i < 2 * most; i++) {
        assertThat(givenUp.getCount()).isEqualTo(1);
        awaitStream(i).end(failure(i));
      }
      assertThat(givenUp.await(30, TimeUnit.SECONDS)).isTrue();
      assertThat(started).hasSize(2 * most - 1);
      assertThatThrownBy(supervisor::throwFailure).hasMessageContaining("9. time");
    }
  }

  @Test
  void aStartThatFailsIsAFailureToo() throws InterruptedException {
    try (StreamSupervisor supervisor = supervisor(1)) {
      FakeStream first = awaitStream(1);
      startFails = new IllegalStateException("The checkpoint can't be read.");
      first.end(failure(1));
      awaitStream(3);
      assertThat(givenUp.await(30, TimeUnit.SECONDS)).isTrue();
      assertThat(started).hasSize(StreamSupervisor.MAX_FAILURES);
      assertThatThrownBy(supervisor::throwFailure)
          .hasMessageContaining("The checkpoint can't be read.");
    }
  }

  @Test
  void aStartThatFailsForAWhileIsTriedAgain() {
    try (StreamSupervisor supervisor = supervisor(1)) {
      FakeStream first = awaitStream(1);
      lastFailingStart = 3;
      startFails = new IllegalStateException("The network is down.");
      first.end(failure(1));
      assertThat(awaitStream(4).closed).hasValue(0);
      assertThatCode(supervisor::throwFailure).doesNotThrowAnyException();
    }
  }

  @Test
  void theFirstStartFailsAtOnce() {
    startFails = new IllegalStateException("The checkpoint can't be read.");
    assertThatThrownBy(() -> supervisor(1)).isSameAs(startFails);
  }

  @Test
  void whatOthersStoppedIsStartedAgainWithoutEnd() {
    try (StreamSupervisor supervisor = supervisor(1)) {
      for (int i = 1; i <= 2 * StreamSupervisor.MAX_FAILURES; i++) {
        awaitStream(i).end(null);
      }
      awaitStream(2 * StreamSupervisor.MAX_FAILURES + 1);
      assertThatCode(supervisor::throwFailure).doesNotThrowAnyException();
      assertThat(givenUp.getCount()).isEqualTo(1);
    }
  }

  @Test
  void closesDuringAPause() {
    StreamSupervisor supervisor = supervisor(HOUR_MILLIS);
    awaitStream(1).end(failure(1));
    supervisor.close();
    assertThat(started).hasSize(1);
    assertThat(started.get(0).closed).hasValue(1);
    assertThatCode(supervisor::throwFailure).doesNotThrowAnyException();
  }

  @Test
  void closesARunningStream() {
    StreamSupervisor supervisor = supervisor(1);
    awaitStream(1);
    supervisor.close();
    assertThat(started).hasSize(1);
    assertThat(started.get(0).closed).hasValue(1);
    assertThat(givenUp.getCount()).as("it was not given up").isEqualTo(1);
  }
}
