package io.alchemist.tensor.cpu;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.reflect.Field;
import java.nio.ByteBuffer;

/** Frees direct buffers when we say, not when the garbage collector comes by. */
final class NativeMemory {
  private static final MethodHandle INVOKE_CLEANER = invokeCleaner();

  private NativeMemory() {}

  // By reflection: javac warns of every mention of sun.misc.Unsafe and has no switch against it.
  private static MethodHandle invokeCleaner() {
    try {
      Class<?> unsafe = Class.forName("sun.misc.Unsafe");
      Field instance = unsafe.getDeclaredField("theUnsafe");
      instance.setAccessible(true);
      return MethodHandles.lookup()
          .findVirtual(unsafe, "invokeCleaner", MethodType.methodType(void.class, ByteBuffer.class))
          .bindTo(instance.get(null));
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(
          "This Java runtime has no sun.misc.Unsafe.invokeCleaner, which native memory is freed with;"
              + " add the module jdk.unsupported to it",
          e);
    }
  }

  /** Frees a buffer made by {@link ByteBuffer#allocateDirect}; neither it nor a view of it may be used afterwards. */
  static void free(ByteBuffer direct) {
    try {
      INVOKE_CLEANER.invoke(direct);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }
}
