package io.alchemist.weights;

import io.alchemist.tensor.Ops;
import io.alchemist.tensor.Tensor;
import io.alchemist.weights.AdapterData.Factors;
import io.alchemist.weights.AdapterData.Site;
import java.util.Map;
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
  public static void write(Ops ops, AdapterData data, LoraSpec spec, ParameterSet values) {
    LoraSpec given = new LoraSpec(data.rank(), data.alpha(), data.targets());
    if (!given.equals(spec)) {
      throw new IllegalArgumentException(
          "The adapter is of shape " + given + ", this engine trains " + spec
              + ". Start the engine with the adapter's shape, or load another adapter.");
    }
    for (Map.Entry<Site, Factors> entry : data.factors().entrySet()) {
      Site site = entry.getKey();
      upload(
          ops, entry.getValue().a(), values.tensor(ParameterId.loraA(site.layer(), site.linear())));
      upload(
          ops, entry.getValue().b(), values.tensor(ParameterId.loraB(site.layer(), site.linear())));
    }
  }

  private static void upload(Ops ops, float[] from, Tensor to) {
    if (from.length != to.elements()) {
      throw new IllegalArgumentException(
          "A matrix of the adapter has " + from.length + " numbers, the model's layer needs "
              + to.elements() + ". It was made for another model.");
    }
    ops.upload(from, to);
  }
}
