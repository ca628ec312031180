package io.alchemist.weights;

import io.alchemist.tensor.Ops;
import java.nio.FloatBuffer;
import java.util.HashMap;
import java.util.Map;

/** Trained values of a whole model as a source of weights, e.g. to save them. A snapshot on the host. */
public final class ParameterSource implements WeightSource {
  private final ModelConfig config;
  private final Map<String, float[]> values = new HashMap<>();

  /** Copies the values to the host; engine thread. */
  public ParameterSource(Ops ops, ModelConfig config, ParameterSet set) {
    this.config = config;
    set.forEach((id, tensor) -> values.put(id.checkpointName(), ops.read(tensor)));
  }

  @Override
  public ModelConfig config() {
    return config;
  }

  @Override
  public void read(String name, long offset, FloatBuffer into) {
    float[] all = values.get(name);
    if (all == null || offset < 0 || offset + into.remaining() > all.length) {
      throw new IllegalArgumentException("There are no elements " + offset + " to "
          + (offset + into.remaining()) + " of a trained weight '" + name + "'");
    }
    into.put(all, (int) offset, into.remaining());
  }
}
