/** The launcher's command line: the engine's commands, and those that need Spark. */
package io.alchemist.spark.cli;
