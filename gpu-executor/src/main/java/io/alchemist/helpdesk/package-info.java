/**
 * The text side of the embedded model: a sheet of facts about a fictional shop, the questions that ask for them, the
 * dialogues it is trained on and its tokenizer. Start at {@link io.alchemist.helpdesk.Corpus}. Uses nothing of the
 * engine; everything is a pure function of the resource files and a seed.
 */
@NullMarked
package io.alchemist.helpdesk;

import org.jspecify.annotations.NullMarked;
