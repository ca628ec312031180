package io.alchemist.engine;

import io.alchemist.tensor.DeviceMemoryException;
import io.alchemist.tensor.Ops;
import io.alchemist.tensor.cpu.CpuOps;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/** The CPU back end, one operation of which fails when it is told to. */
final class FaultyOps {
  /** A failure to come: at the call number {@code calls} of {@code operation} from now. */
  private record Fault(String operation, int calls) {}

  private final Ops ops;
  private final AtomicReference<@Nullable Fault> fault = new AtomicReference<>();

  FaultyOps(long deviceBytes) {
    Ops real = CpuOps.create(2, deviceBytes);
    ops = (Ops) Proxy.newProxyInstance(
        Ops.class.getClassLoader(), new Class<?>[] {Ops.class}, (proxy, method, arguments) -> {
          Fault next = fault.get();
          if (next != null && next.operation.equals(method.getName())) {
            fault.set(next.calls <= 1 ? null : new Fault(next.operation, next.calls - 1));
            if (next.calls <= 1) {
              throw new DeviceMemoryException("No room, says the test");
            }
          }
          try {
            return method.invoke(real, arguments);
          } catch (InvocationTargetException e) {
            throw e.getCause();
          }
        });
  }

  Ops ops() {
    return ops;
  }

  /** Makes the n-th call of an operation fail, once. */
  void fail(String operation, int n) {
    fault.set(new Fault(operation, n));
  }
}
