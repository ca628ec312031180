/** Start here. Builds an engine from its parts, runs its one thread, drains and closes it. */
package io.alchemist.engine;
