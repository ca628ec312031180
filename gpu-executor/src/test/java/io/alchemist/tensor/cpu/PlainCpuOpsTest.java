package io.alchemist.tensor.cpu;

import io.alchemist.tensor.Ops;
import io.alchemist.tensor.OpsContract;

class PlainCpuOpsTest extends OpsContract {
  @Override
  protected Ops ops() {
    return TestBackEnds.PLAIN;
  }
}
