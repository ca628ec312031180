/**
 * Model files on disk: safetensors and Hugging Face directories, GGUF files, and LoRA adapters as PEFT directories. Start
 * at {@link io.alchemist.files.ModelFiles#open}.
 *
 * <p>Nothing a file says is believed before it is checked: no memory is allocated from a count that the file's length
 * does not cover, every weight's shape is compared with the configuration when a checkpoint is opened, and every element
 * read is finite.
 */
package io.alchemist.files;
