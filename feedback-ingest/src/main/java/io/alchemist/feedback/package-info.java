/** Feedback from Delta tables: what is stored, how a row is judged and joined with its turn, and the stream of it. */
package io.alchemist.feedback;
