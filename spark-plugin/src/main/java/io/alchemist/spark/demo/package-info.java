/**
 * The demo's simulated users: ordinary HTTP clients that chat, judge and give feedback, the exam before, between and after, and
 * the report. It knows an address, a table to append to and a list of rounds; nothing of engines or Spark.
 */
package io.alchemist.spark.demo;
