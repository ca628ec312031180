/** Training from what serving recorded: examples, micro-batches, slices, the optimizer. */
package io.alchemist.train;
