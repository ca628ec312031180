package io.alchemist.tensor.cpu;

import io.alchemist.tensor.Ops;
import io.alchemist.tensor.OpsErrorContract;

class PlainCpuOpsErrorTest extends OpsErrorContract {
  @Override
  protected Ops ops() {
    return TestBackEnds.PLAIN;
  }
}
