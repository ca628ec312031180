package io.alchemist.feedback;

/**
 * What makes an append idempotent: a table remembers the highest version of each application, and an append with that
 * version or a lower one changes nothing.
 *
 * @param appId who appends, for example one query; versions of different applications are independent
 * @param version rises with every append of the application
 */
public record Txn(String appId, long version) {
  public Txn {
    if (appId.isBlank()) {
      throw new IllegalArgumentException("The application id of a transaction is blank.");
    }
    if (version < 0) {
      throw new IllegalArgumentException(
          "version = " + version + " of transaction " + appId + " is negative.");
    }
  }
}
