package io.alchemist.tensor.cpu;

import io.alchemist.tensor.LossContract;
import io.alchemist.tensor.Ops;

class PlainCpuLossTest extends LossContract {
  @Override
  protected Ops ops() {
    return TestBackEnds.PLAIN;
  }
}
