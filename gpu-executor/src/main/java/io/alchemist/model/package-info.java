/**
 * The model: forward and backward of each part side by side. Shapes stand in the comments: T rows (tokens), C hidden size, Q
 * width of all query heads, G width of all key or value heads, F feed-forward width, V vocabulary, r adapter rank.
 *
 * <p>It knows neither the cache nor what recorded an activation: it reads keys and values through page tables, and writes
 * and reads {@link io.alchemist.model.Activations} wherever the caller says.
 */
package io.alchemist.model;
