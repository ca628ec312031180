package io.alchemist.text;

import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/** A tokenizer of the native library. Thread-safe: encoding may run in parallel, closing waits for it. */
final class NativeTokenizer implements AutoCloseable {
  private final ReadWriteLock lock = new ReentrantReadWriteLock();
  private final long handle;
  private boolean closed;

  /**
   * Makes a tokenizer.
   *
   * @param json text of a tokenizer.json
   * @throws IllegalArgumentException when the library refuses it
   */
  NativeTokenizer(String json) {
    NativeLibrary.load();
    try {
      handle = TokenizersLibrary.LIB.createTokenizerFromString(json);
    } catch (RuntimeException e) {
      throw new IllegalArgumentException(
          "tokenizer.json is refused by the tokenizer library: " + e.getMessage()
              + ". Check that the file is complete.",
          e);
    }
    // The file may ask for these; a prompt must be neither cut nor filled up.
    TokenizersLibrary.LIB.disableTruncation(handle);
    TokenizersLibrary.LIB.disablePadding(handle);
  }

  /** Encodes; {@code framed} adds what the tokenizer's post-processor puts around a text, e.g. BOS. */
  int[] encode(String text, boolean framed) {
    lock.readLock().lock();
    try {
      if (closed) {
        throw new IllegalStateException("The tokenizer is closed.");
      }
      long encoding = TokenizersLibrary.LIB.encode(handle, wellFormed(text), framed);
      try {
        long[] ids = TokenizersLibrary.LIB.getTokenIds(encoding);
        int[] narrow = new int[ids.length];
        for (int i = 0; i < ids.length; i++) {
          narrow[i] = Math.toIntExact(ids[i]);
        }
        return narrow;
      } finally {
        TokenizersLibrary.LIB.deleteEncoding(encoding);
      }
    } finally {
      lock.readLock().unlock();
    }
  }

  /** Half a surrogate pair is no character and has no UTF-8; it becomes U+FFFD. */
  private static String wellFormed(String text) {
    if (StandardCharsets.UTF_8.newEncoder().canEncode(text)) {
      return text;
    }
    StringBuilder out = new StringBuilder(text.length());
    text.codePoints().forEach(c -> out.appendCodePoint(c >= 0xD800 && c <= 0xDFFF ? 0xFFFD : c));
    return out.toString();
  }

  @Override
  public void close() {
    lock.writeLock().lock();
    try {
      if (!closed) {
        closed = true;
        TokenizersLibrary.LIB.deleteTokenizer(handle);
      }
    } finally {
      lock.writeLock().unlock();
    }
  }
}
