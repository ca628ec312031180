/**
 * From text to tokens and back: {@link io.alchemist.text.Tokenizer} (start here), incremental detokenising, stop strings
 * and chat templates. Knows nothing of models.
 */
@NullMarked
package io.alchemist.text;

import org.jspecify.annotations.NullMarked;
