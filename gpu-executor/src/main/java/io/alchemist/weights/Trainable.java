package io.alchemist.weights;

import io.alchemist.tensor.MemoryScope;
import io.alchemist.tensor.Ops;
import io.alchemist.tensor.Tensor;
import java.util.List;
import java.util.SplittableRandom;

/** What is trained: an adapter, or the whole model. */
public sealed interface Trainable permits Trainable.Adapter, Trainable.WholeModel {

  /** The parameters that get a gradient. */
  List<ParameterId> parameters(ModelConfig config);

  /** Rank of the adapter; 0 for the whole model. */
  int rank();

  /** The values training starts from, on the device; the caller closes them. */
  ParameterSet initialValues(Ops ops, MemoryScope scope, WeightSource source);

  /** Begins a version of what is trained. */
  NewVersion newVersion(WeightStore store);

  /**
   * Versions for which there is memory besides those kept: the live one, one that is being laid out, and older ones at which
   * requests have not ended.
   */
  int spareVersions();

  /**
   * A LoRA adapter. A begins with a seeded uniform distribution in ±1/sqrt(inputs), B with zeros, so that the first version
   * equals the base model.
   */
  record Adapter(LoraSpec spec, long seed) implements Trainable {
    @Override
    public List<ParameterId> parameters(ModelConfig config) {
      return ParameterId.ofAdapter(config, spec);
    }

    @Override
    public int rank() {
      return spec.rank();
    }

    @Override
    public ParameterSet initialValues(Ops ops, MemoryScope scope, WeightSource source) {
      ParameterSet values = ParameterSet.zeros(
          ops, scope, "adapter values", parameters(source.config()), source.config(), rank());
      SplittableRandom random = new SplittableRandom(seed);
      values.forEach((id, tensor) -> {
        if (id.kind() == ParameterId.Kind.LORA_A) {
          ops.upload(uniform(random, tensor), tensor);
        }
      });
      return values;
    }

    private static float[] uniform(SplittableRandom random, Tensor like) {
      double bound = 1 / Math.sqrt(like.cols());
      float[] values = new float[(int) like.elements()];
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) random.nextDouble(-bound, bound);
      }
      return values;
    }

    @Override
    public NewVersion newVersion(WeightStore store) {
      return store.newAdapter(spec);
    }

    @Override
    public int spareVersions() {
      return 8;
    }
  }

  /** All weights. */
  record WholeModel() implements Trainable {
    @Override
    public List<ParameterId> parameters(ModelConfig config) {
      return ParameterId.ofModel(config);
    }

    @Override
    public int rank() {
      return 0;
    }

    @Override
    public ParameterSet initialValues(Ops ops, MemoryScope scope, WeightSource source) {
      ParameterSet values = ParameterSet.zeros(
          ops, scope, "model values", parameters(source.config()), source.config(), 0);
      values.forEach((id, tensor) -> HostWeights.readInto(ops, source, id, tensor));
      return values;
    }

    @Override
    public NewVersion newVersion(WeightStore store) {
      return store.newModel();
    }

    @Override
    public int spareVersions() {
      return 2;
    }
  }
}
