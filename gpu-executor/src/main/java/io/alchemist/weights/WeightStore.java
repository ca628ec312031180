package io.alchemist.weights;

import io.alchemist.tensor.MemoryScope;
import io.alchemist.tensor.Ops;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.LongConsumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The versions of the weights. One is live: new requests get it. The last few are kept, so that what was recorded at one of
 * them can still be trained on exactly, and so that one can roll back. Older ones go when nobody uses them any more.
 *
 * <p>Engine thread.
 */
public final class WeightStore implements AutoCloseable {
  /** Drafts at a time. */
  public static final int MAX_DRAFTS = 4;

  private final Ops ops;
  private final MemoryScope scope;
  private final ModelConfig config;
  private final int keptVersions;
  private final LongConsumer onGone;
  private final NavigableMap<Long, WeightSet> versions = new TreeMap<>();
  private final Map<Long, WeightSet> drafts = new HashMap<>();
  /** Drafts that may still be asked for. */
  private final Set<Long> staged = new HashSet<>();

  private WeightSet live;
  private long newest;

  /**
   * Loads the base weights as version 0.
   *
   * @param keptVersions how many versions to keep besides the live one
   * @param onGone told of each version that is freed, so that what was computed with it is forgotten too
   */
  public WeightStore(
      Ops ops, MemoryScope parent, WeightSource source, int keptVersions, LongConsumer onGone) {
    this.ops = ops;
    this.scope = parent.child("weights");
    this.config = source.config();
    this.keptVersions = keptVersions;
    this.onGone = onGone;
    try {
      this.live = new WeightSet(0, config, BaseWeights.load(ops, scope, source), null);
    } catch (RuntimeException e) {
      scope.close();
      throw e;
    }
    versions.put(0L, live);
  }

  public ModelConfig config() {
    return config;
  }

  /** The version that new requests get. */
  public WeightSet live() {
    return live;
  }

  /** The versions at hand, oldest first. */
  public List<Long> versions() {
    return new ArrayList<>(versions.keySet());
  }

  /** Pins the live version; {@link #unpin} lets it go. */
  public WeightSet pinLive() {
    live.pin();
    return live;
  }

  /** Pins a version, or the draft of that number, if it is at hand, else null. */
  public @Nullable WeightSet pin(long version) {
    WeightSet set = version >= 0
        ? versions.get(version)
        : staged.contains(version) ? drafts.get(version) : null;
    if (set != null) {
      set.pin();
    }
    return set;
  }

  /** Ends one pin. */
  public void unpin(WeightSet set) {
    if (set.unpin() == 0) {
      retire();
    }
  }

  /** Begins a version of the live base weights with another adapter. */
  public NewVersion newAdapter(LoraSpec spec) {
    return new NewVersion(ops, this, live.base().retain(), LoraAdapter.empty(scope, spec));
  }

  /** Begins a version of other base weights, without an adapter. */
  public NewVersion newModel() {
    return new NewVersion(ops, this, BaseWeights.empty(scope), null);
  }

  /** Whether there is memory for another version, or only when requests at one of those before have ended. */
  public boolean hasRoomFor(Trainable trainable) {
    return versions.size() < keptVersions + trainable.spareVersions();
  }

  /** The number of the next version, unless another is given elsewhere. */
  public long nextVersion() {
    return newest + 1;
  }

  /**
   * Keeps the live base weights with an adapter of these values as a draft: gradients and losses can be taken at it, no
   * request is served with it. At most {@value #MAX_DRAFTS} at a time.
   *
   * @param number below -1, so that it is no version, and not in use
   */
  public WeightSet stage(long number, LoraSpec spec, ParameterSet values) {
    if (number >= -1 || drafts.containsKey(number)) {
      throw new IllegalArgumentException("A draft can't have the number " + number
          + ": it must be below -1, where no version is, and not in use.");
    }
    if (drafts.size() >= MAX_DRAFTS) {
      throw new IllegalStateException("There are " + drafts.size()
          + " drafts already, which is the limit. Let one go before another is staged.");
    }
    try (NewVersion laidOut = newAdapter(spec)) {
      laidOut.putAll(values);
      WeightSet draft = laidOut.take(number);
      drafts.put(number, draft);
      staged.add(number);
      draft.pin();
      return draft;
    }
  }

  /** Lets a draft go; it is freed when nobody pins it any more. Does nothing where there is none of that number. */
  public void unstage(long number) {
    WeightSet draft = drafts.get(number);
    if (draft != null && staged.remove(number)) {
      unpin(draft);
    }
  }

  /**
   * Checks that a number may be given to a new version.
   *
   * @throws IllegalArgumentException when it is not above all before
   */
  public void checkNew(long version) {
    if (version <= newest) {
      throw new IllegalArgumentException("Version " + version + " is not above " + newest
          + ", the newest one here: versions are never reused. Publish it under a higher number.");
    }
  }

  WeightSet publish(WeightSet set) {
    newest = set.version();
    versions.put(set.version(), set);
    live = set;
    retire();
    return set;
  }

  /**
   * Makes a kept version live again.
   *
   * @throws IllegalArgumentException when it is not at hand any more
   */
  public WeightSet rollBack(long version) {
    WeightSet set = versions.get(version);
    if (set == null) {
      throw new IllegalArgumentException(
          "Version " + version + " is not at hand; kept are " + versions.keySet()
              + ". Load its adapter from disk and publish that, or keep more versions.");
    }
    live = set;
    retire();
    return set;
  }

  /** Frees what is neither live, nor among the newest kept ones, nor pinned. */
  private void retire() {
    Set<WeightSet> kept = versions.descendingMap().values().stream()
        .filter(set -> set != live)
        .limit(keptVersions)
        .collect(Collectors.toSet());
    for (WeightSet set : List.copyOf(versions.values())) {
      if (set != live && !kept.contains(set) && !set.isPinned()) {
        versions.remove(set.version());
        set.free();
        onGone.accept(set.version());
      }
    }
    drafts.values().removeIf(set -> {
      boolean gone = !set.isPinned();
      if (gone) {
        set.free();
      }
      return gone;
    });
  }

  @Override
  public void close() {
    drafts.values().forEach(WeightSet::free);
    drafts.clear();
    versions.values().forEach(WeightSet::free);
    versions.clear();
    scope.close();
  }
}
