/** Measurements: programs that print figures, never tests. */
package io.alchemist.bench;
