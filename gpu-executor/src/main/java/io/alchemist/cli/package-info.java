/** The command line: {@code alchemist serve}, {@code chat}, {@code bench}. */
package io.alchemist.cli;
