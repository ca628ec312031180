package io.alchemist.spark.ui;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import org.jspecify.annotations.Nullable;

/**
 * One executor at one moment. Immutable. Counts are totals since the executor started; an unknown count, version or
 * number of bytes is -1, an unknown time is NaN.
 *
 * @param executorId Spark's name of it
 * @param host the machine
 * @param address where it serves, {@code http://host:port}, or "" while it does not
 * @param state STARTING, READY, DRAINING, FAILED or LOST
 * @param detail why it is in that state, for people; "" where there is nothing to say
 * @param device what it computes on
 * @param version the weight version that new requests get
 * @param running requests being computed
 * @param queued requests that wait
 * @param requests requests ended
 * @param promptTokens prompt tokens served
 * @param completionTokens tokens generated
 * @param ttftMillisP50 median time to the first token, in milliseconds, over the last minutes
 * @param ttftMillisP99 its 99th percentile
 * @param tpotMillisP50 median time between two tokens of one request, in milliseconds
 * @param tpotMillisP99 its 99th percentile
 * @param kvBytes K/V pages in use
 * @param activationDeviceBytes logged activations on the device
 * @param activationHostBytes logged activations in host memory
 * @param activationDiskBytes logged activations on disk
 * @param deviceBytes device memory in use
 * @param devicePeakBytes the most that was ever in use
 * @param devicePlannedBytes what the memory plan allows
 * @param trainerPeakBytes the most that the trainer ever used
 * @param stepError relative error of the predicted time of steps of serving, a running mean; null or NaN if unknown
 * @param sliceError likewise of slices of training
 */
@JsonIgnoreProperties(ignoreUnknown = true)
public record ExecutorView(
    String executorId,
    String host,
    String address,
    String state,
    String detail,
    String device,
    long version,
    int running,
    int queued,
    long requests,
    long promptTokens,
    long completionTokens,
    double ttftMillisP50,
    double ttftMillisP99,
    double tpotMillisP50,
    double tpotMillisP99,
    long kvBytes,
    long activationDeviceBytes,
    long activationHostBytes,
    long activationDiskBytes,
    long deviceBytes,
    long devicePeakBytes,
    long devicePlannedBytes,
    long trainerPeakBytes,
    @Nullable Double stepError,
    @Nullable Double sliceError) {

  /** Texts that are null, as in a log of another version, become "". */
  public ExecutorView {
    executorId = text(executorId);
    host = text(host);
    address = text(address);
    state = text(state);
    detail = text(detail);
    device = text(device);
  }

  static String text(@Nullable String value) {
    return value == null ? "" : value;
  }
}
