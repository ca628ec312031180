package io.alchemist.helpdesk;

import java.nio.charset.StandardCharsets;

/**
 * The printable stand-ins that byte-level BPE vocabularies use for the 256 bytes: printable Latin-1 characters stand
 * for themselves, the 68 others are moved to U+0100 and up, in order.
 */
final class ByteAlphabet {
  private static final char[] CHARACTERS = characters();
  private static final int[] BYTES = bytes();

  private ByteAlphabet() {}

  /** The stand-in of a byte, 0 to 255. */
  static char character(int value) {
    return CHARACTERS[value];
  }

  /** The bytes that a string of stand-ins stands for. */
  static byte[] decode(String text) {
    byte[] decoded = new byte[text.length()];
    for (int i = 0; i < decoded.length; i++) {
      decoded[i] = (byte) BYTES[text.charAt(i)];
    }
    return decoded;
  }

  /** The text's UTF-8 bytes as numbers from 0 to 255. */
  static int[] utf8(String text) {
    byte[] encoded = text.getBytes(StandardCharsets.UTF_8);
    int[] values = new int[encoded.length];
    for (int i = 0; i < values.length; i++) {
      values[i] = encoded[i] & 0xff;
    }
    return values;
  }

  private static char[] characters() {
    char[] characters = new char[256];
    int moved = 0x100;
    for (int value = 0; value < 256; value++) {
      boolean printable = (value >= '!' && value <= '~')
          || (value >= 0xa1 && value <= 0xac)
          || (value >= 0xae && value <= 0xff);
      characters[value] = (char) (printable ? value : moved++);
    }
    return characters;
  }

  private static int[] bytes() {
    int[] bytes = new int[0x100 + 68];
    for (int value = 0; value < 256; value++) {
      bytes[CHARACTERS[value]] = value;
    }
    return bytes;
  }
}
