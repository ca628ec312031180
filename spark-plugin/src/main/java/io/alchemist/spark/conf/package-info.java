/** The configuration, declared once: what {@code spark.alchemist.*} means, how it is read, checked and documented. */
package io.alchemist.spark.conf;
