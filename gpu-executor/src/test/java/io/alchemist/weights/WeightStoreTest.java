package io.alchemist.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class WeightStoreTest {
  private final WeightsFixture fixture = new WeightsFixture();
  private final List<Long> gone = new ArrayList<>();
  private final ParameterSet values = fixture.values(WeightsFixture.SPEC, 1);

  private WeightStore store(int keptVersions) {
    return new WeightStore(
        fixture.ops,
        fixture.ops.memory(),
        new RandomWeights(WeightsFixture.MODEL, 1),
        keptVersions,
        gone::add);
  }

  /** Publishes the values as an adapter. */
  private WeightSet publish(WeightStore store, long version) {
    try (NewVersion next = store.newAdapter(WeightsFixture.SPEC)) {
      next.putAll(values);
      return next.publish(version);
    }
  }

  @AfterEach
  void close() {
    values.close();
    fixture.close(); // fails where memory was left
  }

  @Test
  void theNewestIsLiveAndTheLastFewAreKept() {
    try (WeightStore store = store(2)) {
      assertThat(store.live().version()).isZero();
      assertThat(store.live().lora()).isNull();
      for (int i = 1; i <= 4; i++) {
        assertThat(publish(store, store.nextVersion()).version()).isEqualTo(i);
      }
      assertThat(store.live().version()).isEqualTo(4);
      assertThat(store.live().lora()).isEqualTo(WeightsFixture.SPEC);
      assertThat(store.versions()).containsExactly(2L, 3L, 4L);
      assertThat(gone).containsExactly(0L, 1L);
    }
  }

  @Test
  void whoPinsAVersionKeepsIt() {
    try (WeightStore store = store(0)) {
      WeightSet first = store.pinLive();
      WeightSet again = store.pin(0);
      publish(store, store.nextVersion());
      publish(store, store.nextVersion());
      assertThat(store.versions()).containsExactly(0L, 2L);
      store.unpin(first);
      assertThat(store.versions()).containsExactly(0L, 2L);
      assertThat(again).isSameAs(first);
      store.unpin(first);
      assertThat(store.versions()).containsExactly(2L);
      assertThat(gone).containsExactly(1L, 0L);
      assertThat(store.pin(0)).isNull();
    }
  }

  @Test
  void aPinThatWasNotTakenIsAnError() {
    try (WeightStore store = store(0)) {
      assertThatThrownBy(() -> store.unpin(store.live()))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("Version 0 is not pinned");
    }
  }

  @Test
  void rollBackMakesAKeptVersionLiveAndKeepsIt() {
    try (WeightStore store = store(1)) {
      publish(store, store.nextVersion());
      publish(store, store.nextVersion());
      assertThat(store.rollBack(1).version()).isEqualTo(1);
      assertThat(store.live().version()).isEqualTo(1);
      publish(store, store.nextVersion());
      assertThat(store.live().version()).as("above all before").isEqualTo(3);
      assertThatThrownBy(() -> store.rollBack(0))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageStartingWith("Version 0 is not at hand; kept are [");
    }
  }

  @Test
  void versionsFromElsewhereGoUp() {
    try (WeightStore store = store(1)) {
      publish(store, 7);
      assertThat(store.live().version()).isEqualTo(7);
      assertThatThrownBy(() -> publish(store, 7))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("Version 7 is not above 7, the newest one here: versions are never reused."
              + " Publish it under a higher number.");
      assertThat(publish(store, store.nextVersion()).version()).isEqualTo(8);
    }
  }

  @Test
  void memoryIsThatOfTheVersionsAtHand() {
    try (WeightStore store = store(1)) {
      publish(store, store.nextVersion());
      long two = fixture.ops.memory().usedBytes();
      for (int i = 0; i < 5; i++) {
        publish(store, store.nextVersion());
      }
      publish(store, store.nextVersion());
      assertThat(fixture.ops.memory().usedBytes()).isGreaterThan(two);
      long steady = fixture.ops.memory().usedBytes();
      publish(store, store.nextVersion());
      assertThat(fixture.ops.memory().usedBytes()).isEqualTo(steady);
    }
  }

  @Test
  void wholeModelsReplaceTheBase() {
    RandomWeights source = new RandomWeights(WeightsFixture.MODEL, 1);
    try (WeightStore store = store(0);
        ParameterSet model =
            new Trainable.WholeModel().initialValues(fixture.ops, fixture.ops.memory(), source)) {
      long before = fixture.ops.memory().usedBytes();
      try (NewVersion next = store.newModel()) {
        next.putAll(model);
        next.publish(1);
      }
      assertThat(store.live().version()).isEqualTo(1);
      assertThat(fixture.ops.memory().usedBytes()).as("one base at a time").isEqualTo(before);
    }
  }

  @Test
  void aVersionThatIsNotPublishedIsNotSeenAndGivesItsMemoryBack() {
    try (WeightStore store = store(1)) {
      long before = fixture.ops.memory().usedBytes();
      try (NewVersion next = store.newAdapter(WeightsFixture.SPEC)) {
        next.putAll(values);
        assertThat(store.versions()).containsExactly(0L);
        assertThat(fixture.ops.memory().usedBytes()).isGreaterThan(before);
      }
      assertThat(fixture.ops.memory().usedBytes()).isEqualTo(before);
      assertThat(publish(store, store.nextVersion()).version()).isEqualTo(1);
    }
  }
}
