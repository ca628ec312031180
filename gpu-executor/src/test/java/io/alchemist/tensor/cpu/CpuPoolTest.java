package io.alchemist.tensor.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;

class CpuPoolTest {

  @Test
  void runsEveryPieceOnceAndOneAtATimePerThreadNumber() {
    try (CpuPool pool = new CpuPool(3)) {
      AtomicIntegerArray runs = new AtomicIntegerArray(50);
      AtomicIntegerArray busy = new AtomicIntegerArray(pool.threads());
      for (int round = 0; round < 2000; round++) {
        pool.run(round % 51, (index, thread) -> {
          assertThat(busy.incrementAndGet(thread)).isEqualTo(1);
          runs.incrementAndGet(index);
          busy.decrementAndGet(thread);
        });
      }
      int expected = 0;
      for (int round = 0; round < 2000; round++) {
        expected += round % 51 > 10 ? 1 : 0;
      }
      assertThat(runs.get(10)).isEqualTo(expected);
    }
  }

  @Test
  void workersTakePiecesAlsoAfterTheyFellAsleep() {
    try (CpuPool pool = new CpuPool(2)) {
      await().until(() -> sleeping("alchemist-cpu-1"));
      Set<Integer> threads = ConcurrentHashMap.newKeySet();
      // Each piece waits for the other one, so two threads are needed.
      pool.run(2, (index, thread) -> {
        threads.add(thread);
        await().until(() -> threads.size() == 2);
      });
      assertThat(threads).containsExactlyInAnyOrder(0, 1);
    }
  }

  private static boolean sleeping(String name) {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(t -> t.getName().equals(name))
        .allMatch(t -> t.getState() == Thread.State.WAITING);
  }

  @Test
  void whatAPieceThrowsReachesTheCallerAndThePoolGoesOn() {
    try (CpuPool pool = new CpuPool(2)) {
      assertThatThrownBy(() -> pool.run(20, (index, thread) -> {
            if (index == 7) {
              throw new IllegalArgumentException("piece 7");
            }
          }))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("piece 7");
      Set<Integer> done = ConcurrentHashMap.newKeySet();
      pool.run(20, (index, thread) -> done.add(index));
      assertThat(done).hasSize(20);
    }
  }

  @Test
  void closingEndsTheWorkers() {
    CpuPool pool = new CpuPool(2);
    Set<Thread> workers = ConcurrentHashMap.newKeySet();
    pool.run(2, (index, thread) -> {
      workers.add(Thread.currentThread());
      await().until(() -> workers.size() == 2);
    });
    workers.remove(Thread.currentThread());
    pool.close();
    await().until(() -> workers.stream().noneMatch(Thread::isAlive));
    assertThatThrownBy(() -> pool.run(1, (index, thread) -> {}))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("The CPU back end is closed");
  }

  @Test
  void needsAThread() {
    assertThatThrownBy(() -> new CpuPool(0)).hasMessage("A pool needs at least 1 thread, not 0");
  }
}
