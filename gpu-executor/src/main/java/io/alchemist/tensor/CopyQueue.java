package io.alchemist.tensor;

/**
 * Copies between device and host memory, in the order given, beside the work of {@link Ops}: a copy thread on a CPU, a copy
 * stream on a GPU. Order against compute is by fences only. Thread-safe.
 */
public interface CopyQueue {

  /** Queues a copy of a tensor's bytes to {@code to} at {@code offsetBytes}, to start once {@code after} is done. */
  Fence download(Tensor from, HostBuffer to, long offsetBytes, Fence after);

  /** Queues a copy into a tensor from {@code from} at {@code offsetBytes}, to start once {@code after} is done. */
  Fence upload(HostBuffer from, long offsetBytes, Tensor to, Fence after);
}
