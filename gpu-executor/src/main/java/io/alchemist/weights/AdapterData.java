package io.alchemist.weights;

import java.io.Serializable;
import java.util.Collections;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Set;
import java.util.TreeMap;

/**
 * A LoRA adapter as plain numbers on the host (Hu et al. 2021, arXiv 2106.09685): at each site the layer's weight W becomes
 * {@code W + (alpha / rank) B A}. This is what is stored, sent, and copied to a device. The arrays belong to the adapter
 * and are not changed once it is made; equality is identity.
 *
 * @param rank r, columns of B and rows of A
 * @param alpha numerator of the scale
 * @param factors the two matrices at each site, by layer and then in forward order; at least one
 */
public record AdapterData(int rank, float alpha, NavigableMap<Site, Factors> factors)
    implements Serializable {

  /** One linear layer of one decoder layer. */
  public record Site(int layer, LinearLayer linear) implements Comparable<Site>, Serializable {
    private static final Comparator<Site> FORWARD =
        Comparator.comparingInt(Site::layer).thenComparing(Site::linear);

    @Override
    public int compareTo(Site other) {
      return FORWARD.compare(this, other);
    }
  }

  /**
   * The two matrices of a site, row-major.
   *
   * @param a (rank, inputs)
   * @param b (outputs, rank)
   */
  @SuppressWarnings(
      "ArrayRecordComponent") // millions of numbers: compared by nobody, copied by nobody
  public record Factors(float[] a, float[] b) implements Serializable {}

  /**
   * Copies the map, not the arrays.
   *
   * @throws IllegalArgumentException when rank or alpha is not positive, there is no site, or an array is no multiple of
   *     the rank
   */
  public AdapterData {
    if (rank <= 0 || !(alpha > 0) || Float.isInfinite(alpha)) {
      throw new IllegalArgumentException(
          "LoRA rank "
              + rank
              + " and alpha "
              + alpha
              + " must both be positive: their quotient scales the adapter. Correct the adapter's configuration.");
    }
    if (factors.isEmpty()) {
      throw new IllegalArgumentException(
          "The adapter has no matrices: it would change nothing. Name at least one linear layer.");
    }
    factors = Collections.unmodifiableNavigableMap(new TreeMap<>(factors));
    for (Map.Entry<Site, Factors> entry : factors.entrySet()) {
      int a = entry.getValue().a().length;
      int b = entry.getValue().b().length;
      if (a == 0 || b == 0 || a % rank != 0 || b % rank != 0) {
        throw new IllegalArgumentException(entry.getKey()
            + " has matrices of "
            + a
            + " and "
            + b
            + " elements, which are no multiples of the rank "
            + rank
            + ". Give A as (rank, inputs) and B as (outputs, rank).");
      }
    }
  }

  /** The linear layers that have matrices, in forward order. */
  public Set<LinearLayer> targets() {
    Set<LinearLayer> targets = EnumSet.noneOf(LinearLayer.class);
    factors.keySet().forEach(site -> targets.add(site.linear()));
    return Collections.unmodifiableSet(targets);
  }

  /** What multiplies B A. */
  public float scale() {
    return alpha / rank;
  }

  /**
   * Checks that every target has matrices in every layer of a model, and that their sizes are the model's.
   *
   * @throws IllegalArgumentException naming the first site that does not fit
   */
  public void checkFits(ModelConfig config) {
    Set<LinearLayer> targets = targets();
    for (int layer = 0; layer < config.layers(); layer++) {
      for (LinearLayer linear : targets) {
        checkFits(config, new Site(layer, linear));
      }
    }
    int last = factors.lastKey().layer();
    if (factors.firstKey().layer() < 0 || last >= config.layers()) {
      throw new IllegalArgumentException("The adapter has matrices for layers "
          + factors.firstKey().layer()
          + " to "
          + last
          + ", the model has "
          + config.layers()
          + ". Use the adapter with the model it was trained for.");
    }
  }

  private void checkFits(ModelConfig config, Site site) {
    Factors found = factors.get(site);
    if (found == null) {
      throw new IllegalArgumentException(site
          + " has no matrices, though other layers have them: an adapter has the same linear layers everywhere."
          + " Use the adapter with the model it was trained for.");
    }
    long a = (long) rank * site.linear().inputs(config);
    long b = (long) rank * site.linear().outputs(config);
    if (found.a().length != a || found.b().length != b) {
      throw new IllegalArgumentException(site
          + " has matrices of "
          + found.a().length
          + " and "
          + found.b().length
          + " elements, the model needs "
          + a
          + " and "
          + b
          + ". Use the adapter with the model it was trained for.");
    }
  }
}
