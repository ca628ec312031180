package io.alchemist.files;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Decodes plain little-endian numbers. */
final class PlainBlocks {
  private static final VarHandle SHORTS =
      MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle DOUBLES =
      MethodHandles.byteArrayViewVarHandle(double[].class, ByteOrder.LITTLE_ENDIAN);

  private static final VarHandle LONGS =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private PlainBlocks() {}

  /** The 16 bits at a byte index. */
  static short bits16(byte[] from, int index) {
    return (short) SHORTS.get(from, index);
  }

  /** The 64 bits at a byte index. */
  static long bits64(byte[] from, int index) {
    return (long) LONGS.get(from, index);
  }

  static void f64(byte[] from, float[] to, int count) {
    for (int i = 0; i < count; i++) {
      to[i] = (float) (double) DOUBLES.get(from, i * 8);
    }
  }

  static void f32(byte[] from, float[] to, int count) {
    ByteBuffer.wrap(from).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(to, 0, count);
  }

  static void f16(byte[] from, float[] to, int count) {
    for (int i = 0; i < count; i++) {
      to[i] = HalfFloats.fromF16(bits16(from, i * 2));
    }
  }

  static void bf16(byte[] from, float[] to, int count) {
    for (int i = 0; i < count; i++) {
      to[i] = HalfFloats.fromBf16(bits16(from, i * 2));
    }
  }
}
