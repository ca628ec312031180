package io.alchemist.weights;

import io.alchemist.tensor.Ops;
import io.alchemist.weights.AdapterData.Factors;
import io.alchemist.weights.AdapterData.Site;
import java.util.NavigableMap;
import java.util.TreeMap;

/** Adapters between device and host. Engine thread. */
public final class AdapterTransfer {
  private AdapterTransfer() {}

  /** The adapter of these values, on the host. */
  public static AdapterData read(Ops ops, LoraSpec spec, ParameterSet values) {
    NavigableMap<Site, Factors> factors = new TreeMap<>();
    for (ParameterId id : values.ids()) {
      if (id.kind() == ParameterId.Kind.LORA_A) {
        factors.put(
            new Site(id.layer(), id.target()),
            new Factors(
                ops.read(values.tensor(id)),
                ops.read(values.tensor(ParameterId.loraB(id.layer(), id.target())))));
      }
    }
    return new AdapterData(spec.rank(), spec.alpha(), factors);
  }

  /**
   * Copies an adapter into values of the same shape.
   *
   * @throws IllegalArgumentException when it is of another shape
   */
  public static void write(
      Ops ops, AdapterData data, LoraSpec spec, ModelConfig config, ParameterSet values) {
    LoraSpec given = new LoraSpec(data.rank(), data.alpha(), data.targets());
    if (!given.equals(spec)) {
      throw new IllegalArgumentException(
          "The adapter is of shape " + given + ", this engine trains " + spec
              + ". Start the engine with the adapter's shape, or load another adapter.");
    }
    // All is checked before anything is copied: a refused adapter changes nothing.
    data.checkFits(config);
    data.factors().forEach((site, factors) -> {
      checkFinite(site, factors.a());
      checkFinite(site, factors.b());
    });
    data.factors().forEach((site, factors) -> {
      ops.upload(factors.a(), values.tensor(ParameterId.loraA(site.layer(), site.linear())));
      ops.upload(factors.b(), values.tensor(ParameterId.loraB(site.layer(), site.linear())));
    });
  }

  private static void checkFinite(Site site, float[] values) {
    for (float value : values) {
      if (!Float.isFinite(value)) {
        throw new IllegalArgumentException(
            "The adapter at " + site
                + " holds a number that is not finite, so its output would not be either. Load an earlier one.");
      }
    }
  }
}
