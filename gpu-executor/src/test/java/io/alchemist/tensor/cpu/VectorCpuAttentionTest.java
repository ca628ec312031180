package io.alchemist.tensor.cpu;

import io.alchemist.tensor.AttentionContract;
import io.alchemist.tensor.Ops;

class VectorCpuAttentionTest extends AttentionContract {
  @Override
  protected Ops ops() {
    return TestBackEnds.VECTOR;
  }
}
