package io.alchemist.feedback;

/**
 * How feedback is streamed.
 *
 * @param checkpointDir directory of the query's checkpoint; a query keeps its id as long as it keeps this
 * @param triggerMillis least time between the starts of two micro-batches
 * @param maxFilesPerTrigger most files of the feedback table in one micro-batch
 */
public record StreamConfig(String checkpointDir, long triggerMillis, int maxFilesPerTrigger) {
  public StreamConfig {
    if (checkpointDir.isBlank()) {
      throw new IllegalArgumentException(
          "checkpointDir is blank; name a directory that survives restarts.");
    }
    if (triggerMillis < 0) {
      throw new IllegalArgumentException("triggerMillis = " + triggerMillis + " is negative.");
    }
    if (maxFilesPerTrigger < 1) {
      throw new IllegalArgumentException(
          "maxFilesPerTrigger = " + maxFilesPerTrigger + " is less than 1.");
    }
  }
}
