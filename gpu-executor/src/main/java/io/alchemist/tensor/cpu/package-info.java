/**
 * The CPU back end: native memory, packed matrix products and the other loops of a layer, in float32.
 *
 * <p>{@link io.alchemist.tensor.cpu.CpuOps} checks shapes and hands the work to one class per family of operations
 * (products, attention, normalisation, loss, sampling, optimizer). These cut it into pieces for the {@code CpuPool}; the
 * innermost loops are {@code Kernels}, once on the Vector API and once in plain Java.
 */
package io.alchemist.tensor.cpu;
