/**
 * What tokens left behind, and where: keys, values and activations in one prefix tree, and the tiers they move through.
 *
 * <h2>What there is</h2>
 *
 * The {@link io.alchemist.cache.DeviceArena} is the device memory that all of this shares, cut into blocks.
 * {@link io.alchemist.cache.KvPages} are its pages of keys and values, one block each. A {@link io.alchemist.cache.Slab} holds the
 * activations of the rows of one forward step, in other blocks. The
 * {@link io.alchemist.cache.PrefixTree} says which of them belong to which tokens at which weight version. Its segments begin
 * at page borders; a segment holds pages for its whole stretch or none, and for any part of its stretch
 * {@link io.alchemist.cache.Logged} activations. The {@link io.alchemist.cache.HostTier} holds copies of activations, with
 * their keys and values, in host memory and behind it on disk; the {@link io.alchemist.cache.Mover} makes those copies.
 *
 * <h2>Who owns what</h2>
 *
 * <ul>
 *   <li>A page has one owner: the sequence that allocated it, until {@code insert} hands it to the tree. A sequence that was
 *       given pages by a {@code match} only borrows them, for as long as the match is open.
 *   <li>A slab has counted references: its maker's, those of {@link io.alchemist.cache.Recorded} on their way in, and one for
 *       each Logged on the device. Its blocks become free with the last, so one long-lived row keeps its whole step's slab alive.
 *   <li>A Logged belongs to the segments that show a part of it (more than one once a segment was split, or it grew into the
 *       next) and to the coverages that are reading it. When the last of these goes, its slab reference is released and its host blocks are removed.
 *   <li>A host block belongs to its tier, which may lose it at any time. A reader holds it by a
 *       {@link io.alchemist.cache.HostBlock}. Who finds a block gone calls
 *       {@link io.alchemist.cache.PrefixTree#forgetHostCopy}: a host copy is whole or worthless.
 * </ul>
 *
 * What is lost costs time, never correctness: a position without keys and values is computed again, one without activations is
 * forwarded again before its backward. Equal tokens at an equal version have bit-identical keys, values and activations
 * however they were batched, which {@link io.alchemist.tensor.Ops} promises; so of two copies either may be kept.
 *
 * <h2>Threads</h2>
 *
 * Pages, slabs, tree and mover belong to the engine's thread and have no locks. The back end's copy queue moves the bytes,
 * and the engine's thread looks at its fences now and then. Putting a block into the host tier may wait for a disk, so it is
 * done by a thread of the mover's own. Host tiers are the only classes here with locks; they hold none while they read, write
 * or delete a file.
 *
 * <h2>Pins</h2>
 *
 * A {@link io.alchemist.cache.Match} pins the pages of its path; a {@link io.alchemist.cache.Coverage} pins the path and the
 * device copies of the activations that it names; an offload under way pins what it copies. A pin counts on the segment at the
 * end of its path and on all above, and is taken off by walking up again. When a segment is split, the new front goes above
 * the old one with a copy of its count, so that walk stays right. What is dropped while pinned leaves the tree at once, so
 * nobody finds it any more, and gives up its memory when the last pin goes.
 *
 * <h2>Eviction</h2>
 *
 * Time is a counter that each use of a segment or a Logged advances, so the order is total and doesn't depend on the clock. What
 * activations are worth, {@link io.alchemist.cache.Prospect}s say: expected seconds per byte, summed over the requests that have
 * them in their prompts. {@link io.alchemist.cache.PrefixTree#revalue} brings that up to date.
 *
 * <p>Activations use what keys and values leave of the arena. A sequence that needs a page gets it at once, whatever is there:
 * giving something up is taking it off a list. In this order:
 *
 * <ul>
 *   <li>Device copies of activations that have a host copy, which loses nothing; what is worth least first, among equals what was
 *       not used for longest.
 *   <li>While keys and values hold more than their floor: the pages not used for longest or the activations without a host copy
 *       worth least, whichever of the two was not used for longer. Both come of the same requests, so neither crowds the other
 *       out. Up to their floor keys and values are safe from activations: a prefix found again saves serving time, which
 *       is worth more than training time.
 *   <li>Activations without a host copy, which are lost, in the same order among themselves; then the remaining pages, if it is for
 *       pages.
 *   <li>Last, what running sequences have recorded and the tree doesn't have yet.
 * </ul>
 *
 * <p>What is pinned stays. Slabs together, pinned or not, never hold the floor of keys and values. For a new slab no activations
 * are lost that are worth as much as its own; rather, less of its step is recorded, or nothing.
 *
 * <ul>
 *   <li>Pages are taken from unpinned segments without children on the device: a path loses its end before its beginning, and the
 *       positions with keys and values on the device always reach back to position 0. The activations there live on if they have
 *       a host copy, which holds the keys and values too, and go otherwise: without keys and values they are of no use.
 *   <li>The mover copies ahead of need, between two water marks, what is worth most first, so that there are copies to drop; the
 *       device copies stay until somebody needs the memory.
 *   <li>Host memory spills its least recently used blocks to disk, and disk drops its oldest.
 *   <li>A segment of which nothing is left is removed.
 * </ul>
 */
package io.alchemist.cache;
