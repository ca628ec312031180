/** What tokens left behind, and where: keys, values and activations in one prefix tree, and the tiers they move through. */
package io.alchemist.cache;
