package io.alchemist.activation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.alchemist.activation.CostModel.Amount;
import io.alchemist.activation.CostModel.Work;
import io.alchemist.activation.SavePlanner.Choice;
import io.alchemist.activation.SavePlanner.Pass;
import io.alchemist.cache.BlockLayout;
import io.alchemist.cache.LoggedFixture;
import io.alchemist.model.Activations;
import io.alchemist.model.Activations.Field;
import io.alchemist.model.BackwardNeeds;
import io.alchemist.model.SavePlan;
import io.alchemist.weights.LinearLayer;
import io.alchemist.weights.LoraSpec;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.ParameterId;
import io.alchemist.weights.RopeConfig;
import io.alchemist.weights.Trainable;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class SavePlannerTest {
  /** Llama-3.1-8B's layers, of which four. */
  private static final ModelConfig MODEL = new ModelConfig(
      "llama", 1000, 4096, 4, 32, 8, 128, 14_336, 1e-5f, RopeConfig.plain(500_000), 8192, false);

  private static final int ROWS = 1000;
  private static final int PART_ROWS = 512;
  private static final double FORWARD_ROW = 1e-6;
  private static final double BACKWARD_ROW = 1.1e-6;
  private static final Amount NEW = new Amount(1, 0, ROWS, 1);
  private static final Amount LOSS = new Amount(1, 0, 0, 1);
  private static final Amount ALL = new Amount(ROWS, 0, 0, 1);
  private static final Amount LAST = new Amount(1, ROWS - 1, 0, 1);

  private final CostModel costs = new CostModel(MODEL);
  private final Random random = new Random(1);
  private BlockLayout layout;
  private final Set<Long> onDisk = new HashSet<>();
  private SavePlanner planner;

  @BeforeEach
  void setUp() {
    int[] rowBytes = Arrays.stream(Field.values())
        .mapToInt(field -> (int) field.bytesPerRow(MODEL))
        .toArray();
    layout = new BlockLayout(rowBytes, MODEL.kvDim() * 4);
    planner = planner(BackwardNeeds.ofLayers(MODEL, Set.copyOf(ParameterId.ofModel(MODEL))));
  }

  private SavePlanner planner(List<BackwardNeeds> needs) {
    return new SavePlanner(costs, MODEL, layout, needs, PART_ROWS, onDisk::contains);
  }

  private void learnCompute() {
    for (int i = 0; i < 100; i++) {
      int rows = 1 + random.nextInt(3000);
      int idle = random.nextInt(3000);
      Amount amount = new Amount(rows, idle, 0, 1);
      costs.observe(Work.FORWARD, amount, nanos(FORWARD_ROW * (rows + 0.2 * idle)));
      costs.observe(Work.BACKWARD, amount, nanos(BACKWARD_ROW * (rows + 0.2 * idle)));
      costs.observe(Work.LOSS, new Amount(rows, 0, 0, 1), nanos(1e-7 * rows));
    }
  }

  private void learnLink(double bytesPerSecond) {
    for (int i = 1; i < 50; i++) {
      costs.observeLoad(i * 1_000_000_000L, nanos(i * 1e9 / bytesPerSecond));
    }
  }

  private static long nanos(double seconds) {
    return Math.round(seconds * 1e9);
  }

  private Choice chooseForHostCopy(SavePlan recorded) {
    LoggedRows rows = new LoggedRows(
        LoggedFixture.onHost(0, ROWS - 1, MODEL.layers(), FieldMask.of(recorded.fields())),
        0,
        ROWS - 1,
        null,
        1);
    return choose(List.of(rows));
  }

  private static long layerBytes(SavePlan plan) {
    return ROWS * Activations.bytesPerRow(MODEL, plan.fields());
  }

  @Test
  void aFastLinkLoadsEverything() {
    learnCompute();
    learnLink(1e15);
    Choice choice = chooseForHostCopy(SavePlan.A);
    for (int layer = 0; layer < MODEL.layers() - 1; layer++) {
      assertThat(choice.load().get(layer)).isEqualTo(EnumSet.allOf(Field.class));
    }
    double expected = 3 * BACKWARD_ROW * ROWS + 0.2 * BACKWARD_ROW * ROWS;
    assertThat(choice.seconds()).isCloseTo(expected, within(0.1 * expected));
  }

  @Test
  void theLastLayerLoadsItsInputOnly() {
    learnCompute();
    learnLink(1e15);
    assertThat(chooseForHostCopy(SavePlan.A).load().get(MODEL.layers() - 1))
        .containsExactly(Field.X);
  }

  /** As on an H100 with PCIe 5: plan A needs three times what the link has, plan B fits. */
  @Test
  void aLinkThatCanDeliverPlanBButNotAMakesPlanB() {
    learnCompute();
    learnLink(1.3 * layerBytes(SavePlan.B) / (BACKWARD_ROW * ROWS));
    Choice choice = chooseForHostCopy(SavePlan.A);
    assertThat(choice.load().get(1)).isEqualTo(SavePlan.B.fields());
    assertThat(choice.load().get(0)).isEqualTo(SavePlan.B.fields());
  }

  @Test
  void aSlowLinkLoadsTheInputsAndComputesTheRest() {
    learnCompute();
    learnLink(layerBytes(SavePlan.D) / (3 * BACKWARD_ROW * ROWS));
    assertThat(chooseForHostCopy(SavePlan.A).load().get(0)).isEqualTo(SavePlan.D.fields());
  }

  @Test
  void isNeverSlowerThanAnySinglePlan() {
    learnCompute();
    for (double rate = 1e9; rate < 1e13; rate *= 3) {
      learnLink(rate);
      double chosen = chooseForHostCopy(SavePlan.A).seconds();
      for (SavePlan plan : SavePlan.values()) {
        // What was recorded by a leaner plan can't be loaded richer.
        assertThat(chosen).isLessThanOrEqualTo(chooseForHostCopy(plan).seconds() * 1.001);
      }
    }
  }

  @Test
  void aBlockOnDiskIsReadWholeOnTheWayThereAndBack() {
    learnCompute();
    learnLink(1e15);
    double fromMemory = chooseForHostCopy(SavePlan.A).seconds();
    double read = 10 * BACKWARD_ROW * ROWS;
    BlockLayout recorded = layout.only(FieldMask.of(SavePlan.A.fields()));
    for (int i = 1; i < 50; i++) {
      long bytes = i * 10_000_000L;
      costs.observeRead(bytes, nanos(read * bytes / recorded.sizeBytes(ROWS - 1)));
    }
    assertThat(chooseForHostCopy(SavePlan.A).seconds()).isEqualTo(fromMemory);

    onDisk.add(1L); // the block of one layer
    assertThat(chooseForHostCopy(SavePlan.A).seconds())
        .isBetween(1.9 * read, 2 * read + 4 * BACKWARD_ROW * ROWS);

    onDisk.addAll(List.of(0L, 1L, 2L, 3L));
    assertThat(chooseForHostCopy(SavePlan.A).seconds())
        .isBetween(7.9 * read, 8 * read + 4 * BACKWARD_ROW * ROWS);
  }

  @Test
  void aHostThatShouldBeSlowerIsTriedNowAndThen() {
    Choice without = new Choice(List.of(), 1);
    for (double excess : new double[] {0.495, 4.995}) {
      Choice slow = new Choice(List.of(), 1 + excess);
      int tried = 0;
      for (int i = 0; i < 1000; i++) {
        tried += planner.decideToReadHost(slow, without) ? 1 : 0;
      }
      // A hundredth of the time.
      assertThat(tried).isEqualTo((int) Math.round(10 / (excess + 0.005)));
      assertThat(planner.decideToReadHost(without, slow)).isTrue();
      assertThat(planner.decideToReadHost(slow, without)).isFalse();
      assertThat(planner.decideToReadHost(without, slow)).isTrue();
    }
  }

  @Test
  void stretchesThatFitAPartAreLoadedTogether() {
    learnCompute();
    for (int i = 1; i < 50; i++) {
      costs.observeLoad(i * 1_000_000L, nanos(1 + i * 1e-9)); // it's the loads that take time
    }
    double one = choose(List.of(onHost(0, 500))).seconds();
    assertThat(
            choose(List.of(onHost(0, 200), onHost(200, 200), onHost(400, 100))).seconds())
        .isCloseTo(one, within(0.01 * one));
    assertThat(choose(List.of(onHost(0, 200), onHost(200, 400))).seconds())
        .isGreaterThan(1.4 * one);
    assertThat(choose(List.of(onHost(0, 600))).seconds()).isGreaterThan(1.4 * one);
  }

  private Choice choose(List<LoggedRows> logged) {
    return planner.choose(new Pass(NEW, NEW, LOSS, ALL, LAST, SavePlan.A, logged));
  }

  private static LoggedRows onHost(int from, int count) {
    int fields = FieldMask.of(SavePlan.A.fields());
    return new LoggedRows(
        LoggedFixture.onHost(from, count, MODEL.layers(), fields), from, count, null, 1 + from);
  }

  /** With some adapters alone, what one plan keeps of the first layer is nothing that another could be loaded by. */
  @ParameterizedTest
  @EnumSource(
      value = LinearLayer.class,
      names = {"O", "DOWN", "GATE", "Q"})
  void stretchesRecordedByDifferentPlansAreReadTogether(LinearLayer trained) {
    learnCompute();
    learnLink(1e12);
    Trainable adapter = new Trainable.Adapter(new LoraSpec(8, 16, Set.of(trained)), 1);
    List<BackwardNeeds> needs =
        BackwardNeeds.ofLayers(MODEL, Set.copyOf(adapter.parameters(MODEL)));
    SavePlanner partial = planner(needs);
    List<Set<Field>> wanted = BackwardNeeds.promptFields(needs);
    for (SavePlan one : SavePlan.values()) {
      for (SavePlan other : SavePlan.values()) {
        Choice choice = partial.choose(new Pass(
            NEW,
            NEW,
            LOSS,
            ALL,
            LAST,
            SavePlan.A,
            List.of(recordedBy(one, wanted, 0), recordedBy(other, wanted, ROWS / 2))));
        assertThat(choice.seconds()).isPositive().isFinite();
      }
    }
  }

  private static LoggedRows recordedBy(SavePlan plan, List<Set<Field>> wanted, int from) {
    int[] fields =
        wanted.stream().mapToInt(layer -> FieldMask.of(plan.fields(layer))).toArray();
    int count = ROWS / 2 - 1;
    return new LoggedRows(LoggedFixture.onHost(from, count, fields), from, count, null, 1 + from);
  }

  @Test
  void beforeAnythingHasRunAllIsLoadedAndNothingPredicted() {
    Choice choice = chooseForHostCopy(SavePlan.A);
    assertThat(choice.seconds()).isNaN();
    assertThat(choice.load()).allMatch(fields -> fields.size() == Field.values().length);
  }

  @Test
  void whatWasRecordedLeanlyIsRestored() {
    learnCompute();
    learnLink(1e15);
    assertThat(chooseForHostCopy(SavePlan.D).seconds())
        .isGreaterThan(chooseForHostCopy(SavePlan.B).seconds());
    assertThat(chooseForHostCopy(SavePlan.B).seconds())
        .isGreaterThan(chooseForHostCopy(SavePlan.A).seconds());
  }
}
