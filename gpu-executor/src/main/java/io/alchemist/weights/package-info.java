/** The weights of one model: their names and shapes, immutable versions of them, and adapters. */
package io.alchemist.weights;
