package io.alchemist.spark.fleet;

import java.io.Serializable;

/**
 * How an executor's engine is, at one moment. Counts are since its start, bytes and tokens are of now, times are of the last few hundred
 * answers and 0 before the first.
 *
 * @param version the weight version that new requests get
 * @param draining whether it takes no more requests
 * @param failure why the engine has given up; empty while it runs
 * @param running requests being computed
 * @param waiting requests not begun
 * @param requests answers given
 * @param promptTokens tokens of all prompts
 * @param completionTokens tokens chosen
 * @param firstTokenMillisP50 median time to the first token
 * @param firstTokenMillisP99 its 99th percentile
 * @param perTokenMillisP50 median time from token to token
 * @param perTokenMillisP99 its 99th percentile
 * @param kvBytes pages of keys and values in use
 * @param activationDeviceBytes activations on the device
 * @param activationHostBytes activations on the host
 * @param activationDiskBytes activations on disk
 * @param deviceBytes device memory in use
 * @param devicePeakBytes the most it was
 * @param devicePlannedBytes what the plan adds up to
 * @param trainerPeakBytes the most that training took
 * @param stepError relative error of the predicted time of steps of serving, a running mean; not a number before it is known
 * @param sliceError likewise of slices of training
 */
public record ExecutorReport(
    long version,
    boolean draining,
    String failure,
    int running,
    int waiting,
    long requests,
    long promptTokens,
    long completionTokens,
    double firstTokenMillisP50,
    double firstTokenMillisP99,
    double perTokenMillisP50,
    double perTokenMillisP99,
    long kvBytes,
    long activationDeviceBytes,
    long activationHostBytes,
    long activationDiskBytes,
    long deviceBytes,
    long devicePeakBytes,
    long devicePlannedBytes,
    long trainerPeakBytes,
    double stepError,
    double sliceError)
    implements Serializable {
  /** Before the first report. */
  public static final ExecutorReport NONE = new ExecutorReport(
      0, false, "", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, Double.NaN, Double.NaN);

  /** The same at another version. */
  ExecutorReport at(long newVersion) {
    return new ExecutorReport(
        newVersion,
        draining,
        failure,
        running,
        waiting,
        requests,
        promptTokens,
        completionTokens,
        firstTokenMillisP50,
        firstTokenMillisP99,
        perTokenMillisP50,
        perTokenMillisP99,
        kvBytes,
        activationDeviceBytes,
        activationHostBytes,
        activationDiskBytes,
        deviceBytes,
        devicePeakBytes,
        devicePlannedBytes,
        trainerPeakBytes,
        stepError,
        sliceError);
  }
}
