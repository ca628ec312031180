package io.alchemist.spark.fleet;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.io.ObjectStreamClass;
import java.io.Serializable;
import java.io.UncheckedIOException;
import org.jspecify.annotations.Nullable;

/**
 * A value as the bytes of Java's serialization, for broadcasts and tasks. Spark writes these with the serializer that the user
 * has chosen, and Kryo can't write records. Thread-safe.
 *
 * @param <T> the value
 */
public final class Packed<T extends Serializable> implements Serializable {
  private static final long serialVersionUID = 1L;

  private final byte[] bytes;
  private transient @Nullable T value;

  /** Packs a value that is not changed any more. */
  public Packed(T value) {
    this.bytes = write(value);
    this.value = value;
  }

  /** The value; where it has been sent to, it is read once. */
  @SuppressWarnings("unchecked") // as it was packed
  public synchronized T value() {
    T unpacked = value;
    if (unpacked == null) {
      unpacked = (T) read(bytes);
      value = unpacked;
    }
    return unpacked;
  }

  /** A value as bytes. */
  static byte[] write(Serializable value) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
      out.writeObject(value);
    } catch (IOException e) {
      throw new UncheckedIOException("Can't write " + value.getClass().getSimpleName(), e);
    }
    return bytes.toByteArray();
  }

  /**
   * The value of these bytes.
   *
   * @throws IllegalStateException when a class of it is not known
   */
  static Object read(byte[] bytes) {
    try (ObjectInputStream in = new OwnClasses(new ByteArrayInputStream(bytes))) {
      return in.readObject();
    } catch (IOException e) {
      throw new UncheckedIOException("Can't read what driver or executor sent", e);
    } catch (ClassNotFoundException e) {
      throw new IllegalStateException(
          "Driver and executor run different versions of Alchemist: " + e.getMessage()
              + " is not known here. Give both the same jars.",
          e);
    }
  }

  /** Finds classes where this class was found: Spark's threads may not know those of a jar that was added to the job. */
  private static final class OwnClasses extends ObjectInputStream {
    OwnClasses(InputStream in) throws IOException {
      super(in);
    }

    @Override
    protected Class<?> resolveClass(ObjectStreamClass description)
        throws IOException, ClassNotFoundException {
      try {
        return Class.forName(description.getName(), false, Packed.class.getClassLoader());
      } catch (ClassNotFoundException e) {
        return super.resolveClass(description); // a primitive type
      }
    }
  }
}
