/**
 * The embedded model: a sheet of facts about a fictional shop, the questions that ask for them, the dialogues it is
 * trained on and its tokenizer, all pure functions of the resource files and a seed (start at
 * {@link io.alchemist.helpdesk.Corpus}); and, by the engine, its training and its exam.
 */
@NullMarked
package io.alchemist.helpdesk;

import org.jspecify.annotations.NullMarked;
