/** Writing activations where serving computes them, and reading them back where training wants them. */
package io.alchemist.activation;
