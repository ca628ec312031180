/**
 * Device memory and the operations on it: the one narrow seam behind which a back end is swapped.
 *
 * <p>{@link Tensor}s are opaque: nothing outside a back end reads an element. {@link Ops} queues work, {@link CopyQueue}
 * queues copies beside it, a {@link Fence} tells when queued work has finished. {@link MemoryScope}s own the memory.
 */
package io.alchemist.tensor;
