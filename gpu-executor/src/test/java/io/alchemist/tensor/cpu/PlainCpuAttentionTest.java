package io.alchemist.tensor.cpu;

import io.alchemist.tensor.AttentionContract;
import io.alchemist.tensor.Ops;

class PlainCpuAttentionTest extends AttentionContract {
  @Override
  protected Ops ops() {
    return TestBackEnds.PLAIN;
  }
}
