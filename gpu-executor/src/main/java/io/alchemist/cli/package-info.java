/** The command line without Spark: {@code alchemist serve}, {@code chat}, {@code bench}, {@code train-help-desk}. */
package io.alchemist.cli;
