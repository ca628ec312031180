/** Continuous batching: which tokens of which requests the next step computes, and what comes of them. */
package io.alchemist.serve;
