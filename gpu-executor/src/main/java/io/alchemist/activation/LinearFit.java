package io.alchemist.activation;

/**
 * Learns a time as a sum of non-negative costs: seconds = Σ cost[i] · amount[i]. Least squares of the relative error, the newest
 * measurements counting most, so that it follows a machine that gets busier and a compiler that warms up.
 *
 * <p>Not thread-safe.
 */
public final class LinearFit {
  /** What a measurement still counts when the next one has come. */
  private static final double FORGETTING = 0.97;
  /** Keeps amounts that always come in the same proportion apart. */
  private static final double RIDGE = 1e-6;

  private final int size;
  private final double[][] moments;
  private final double[] products;
  private double[] costs;
  private double error = Double.NaN;
  private long count;

  /** Over so many amounts. */
  public LinearFit(int size) {
    this.size = size;
    this.moments = new double[size][size];
    this.products = new double[size];
    this.costs = new double[size];
  }

  /** Takes note of a measurement. */
  public void observe(double[] amounts, double seconds) {
    if (!(seconds > 0)) {
      return;
    }
    if (count > 0) {
      double off = Math.abs(predict(amounts) - seconds) / seconds;
      error = Double.isNaN(error) ? off : FORGETTING * error + (1 - FORGETTING) * off;
    }
    count++;
    double weight = 1 / (seconds * seconds);
    for (int i = 0; i < size; i++) {
      for (int j = 0; j < size; j++) {
        moments[i][j] = FORGETTING * moments[i][j] + weight * amounts[i] * amounts[j];
      }
      products[i] = FORGETTING * products[i] + weight * amounts[i] * seconds;
    }
    costs = solve();
  }

  /** Seconds that these amounts should take; 0 before the first measurement. */
  public double predict(double[] amounts) {
    double seconds = 0;
    for (int i = 0; i < size; i++) {
      seconds += costs[i] * amounts[i];
    }
    return seconds;
  }

  /** The cost of one unit of an amount. */
  public double cost(int amount) {
    return costs[amount];
  }

  /** Mean relative error of predictions made just before each measurement; not a number before the second. */
  public double error() {
    return error;
  }

  /** Measurements so far. */
  public long count() {
    return count;
  }

  /** Leaves out amounts whose cost would be negative, the worst first, until none is. */
  private double[] solve() {
    boolean[] used = new boolean[size];
    for (int i = 0; i < size; i++) {
      used[i] = moments[i][i] > 0;
    }
    while (true) {
      double[] found = solve(used);
      int worst = -1;
      for (int i = 0; i < size; i++) {
        // In seconds of the measurements' own amounts, or units would decide.
        if (found[i] < 0 && (worst < 0 || scaled(found, i) < scaled(found, worst))) {
          worst = i;
        }
      }
      if (worst < 0) {
        return found;
      }
      used[worst] = false;
    }
  }

  private double scaled(double[] found, int i) {
    return found[i] * Math.sqrt(moments[i][i]);
  }

  /** The normal equations over the amounts in use, each scaled to 1, by Gaussian elimination. */
  private double[] solve(boolean[] used) {
    double[][] a = new double[size][size + 1];
    for (int i = 0; i < size; i++) {
      double scaleI = used[i] ? 1 / Math.sqrt(moments[i][i]) : 0;
      for (int j = 0; j < size; j++) {
        double scaleJ = used[j] ? 1 / Math.sqrt(moments[j][j]) : 0;
        a[i][j] = moments[i][j] * scaleI * scaleJ;
      }
      a[i][i] = used[i] ? a[i][i] + RIDGE : 1;
      a[i][size] = used[i] ? products[i] * scaleI : 0;
    }
    for (int column = 0; column < size; column++) {
      for (int row = column + 1; row < size; row++) {
        double factor = a[row][column] / a[column][column];
        for (int k = column; k <= size; k++) {
          a[row][k] -= factor * a[column][k];
        }
      }
    }
    double[] found = new double[size];
    for (int i = size - 1; i >= 0; i--) {
      double rest = a[i][size];
      for (int k = i + 1; k < size; k++) {
        rest -= a[i][k] * found[k];
      }
      found[i] = rest / a[i][i];
    }
    for (int i = 0; i < size; i++) {
      found[i] = used[i] ? found[i] / Math.sqrt(moments[i][i]) : 0;
    }
    return found;
  }
}
