/**
 * The part of the Jinja template language that chat templates use, rendered as Python's Jinja2 does with the settings of
 * Hugging Face's chat templates: {@code trim_blocks}, {@code lstrip_blocks}, no auto-escaping, immutable values.
 *
 * <p>Anything outside this part is refused when the template is parsed, naming what and where; nothing is skipped in
 * silence. Rendering is bounded in steps, depth and output, so that a template from an untrusted model directory can
 * neither run for ever nor fill the memory.
 */
@NullMarked
package io.alchemist.text.jinja;

import org.jspecify.annotations.NullMarked;
