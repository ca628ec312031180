package io.alchemist.files;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The head of a GGUF file, version 2 or 3, little-endian: magic number, version, counts, key-value pairs, then each
 * tensor's name, sizes (columns first), type and offset into the data, which begins at the next multiple of the alignment.
 *
 * @param tensors by their names in the file, shapes rows first
 */
record GgufHeader(GgufMetadata metadata, Map<String, StoredTensor> tensors) {
  private static final int MAGIC = 0x46554747;
  private static final int MAX_PAIRS = 1 << 16;
  private static final int MAX_TENSORS = 1 << 20;
  private static final int MAX_ARRAY = 1 << 26;
  private static final int MAX_NESTING = 4;
  private static final int MAX_DIMENSIONS = 4;
  private static final int MAX_ALIGNMENT = 1 << 20;
  private static final long DEFAULT_ALIGNMENT = 32;
  private static final String ALIGNMENT = "general.alignment";

  /**
   * Reads and checks the head.
   *
   * @throws ModelFileException when it is not GGUF, lies, or has a tensor of a type that can't be decoded
   */
  static GgufHeader read(ByteFile file) {
    return new Parser(file).header();
  }

  private static final class Parser {
    private final ByteFile file;
    private final GgufCursor cursor;

    Parser(ByteFile file) {
      this.file = file;
      this.cursor = new GgufCursor(file);
    }

    GgufHeader header() {
      checkVersion();
      int tensorCount = cursor.count("tensors", 24, MAX_TENSORS);
      int pairs = cursor.count("key-value pairs", 13, MAX_PAIRS);
      Map<String, Object> values = new LinkedHashMap<>();
      for (int i = 0; i < pairs; i++) {
        String key = cursor.string();
        if (values.put(key, value(key, cursor.int32(), 0)) != null) {
          throw damaged("the key '" + key + "' occurs twice", "keys are unique");
        }
      }
      GgufMetadata metadata = new GgufMetadata(file.path(), values);
      return new GgufHeader(metadata, tensors(tensorCount, alignment(metadata)));
    }

    private void checkVersion() {
      int magic = cursor.int32();
      if (magic != MAGIC) {
        throw new ModelFileException(
            file.path(),
            "the file begins with %08x".formatted(Integer.reverseBytes(magic)),
            "a GGUF file begins with the letters GGUF (47475546)",
            "Check that it is a model in GGUF, and fetch it again");
      }
      int version = cursor.int32();
      if (version != 2 && version != 3) {
        throw new ModelFileException(
            file.path(),
            "the GGUF version is " + version,
            "versions 2 and 3, little-endian, can be read",
            "Convert the model again with a current converter");
      }
    }

    private Object value(String key, int type, int depth) {
      return switch (type) {
        case 0 -> (long) (cursor.int8() & 0xff);
        case 1 -> (long) cursor.int8();
        case 2 -> (long) (cursor.int16() & 0xffff);
        case 3 -> (long) cursor.int16();
        case 4 -> cursor.uint32();
        case 5 -> (long) cursor.int32();
        case 6 -> (double) Float.intBitsToFloat(cursor.int32());
        case 7 -> cursor.int8() != 0;
        case 8 -> cursor.string();
        case 9 -> array(key, depth);
        case 10, 11 -> cursor.int64();
        case 12 -> Double.longBitsToDouble(cursor.int64());
        default ->
          throw damaged(
              "the value of '" + key + "' has the type " + Integer.toUnsignedString(type),
              "types are 0 to 12");
      };
    }

    private Object array(String key, int depth) {
      if (depth == MAX_NESTING) {
        throw damaged(
            "'" + key + "' nests arrays", "they are at most " + MAX_NESTING + " levels deep");
      }
      int type = cursor.int32();
      String what = "elements of '" + key + "'";
      return switch (type) {
        case 0, 1, 2, 3, 4, 5, 10, 11 ->
          longs(key, type, cursor.count(what, width(type), MAX_ARRAY));
        case 6 -> floats(cursor.count(what, Float.BYTES, MAX_ARRAY));
        case 7 -> flags(cursor.count(what, 1, MAX_ARRAY));
        case 12 -> doubles(cursor.count(what, Double.BYTES, MAX_ARRAY));
        default -> objects(key, type, cursor.count(what, Long.BYTES, MAX_ARRAY), depth + 1);
      };
    }

    /** Bytes of an integer type. */
    private static int width(int type) {
      return type < 2 ? 1 : type < 4 ? 2 : type < 6 ? 4 : 8;
    }

    private long[] longs(String key, int type, int count) {
      long[] values = new long[count];
      for (int i = 0; i < count; i++) {
        values[i] = (long) value(key, type, 0);
      }
      return values;
    }

    private float[] floats(int count) {
      float[] values = new float[count];
      for (int i = 0; i < count; i++) {
        values[i] = Float.intBitsToFloat(cursor.int32());
      }
      return values;
    }

    private double[] doubles(int count) {
      double[] values = new double[count];
      for (int i = 0; i < count; i++) {
        values[i] = Double.longBitsToDouble(cursor.int64());
      }
      return values;
    }

    private boolean[] flags(int count) {
      boolean[] values = new boolean[count];
      for (int i = 0; i < count; i++) {
        values[i] = cursor.int8() != 0;
      }
      return values;
    }

    private List<Object> objects(String key, int type, int count, int depth) {
      List<Object> values = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        values.add(value(key, type, depth));
      }
      return Collections.unmodifiableList(values);
    }

    private long alignment(GgufMetadata metadata) {
      long alignment = metadata.integer(ALIGNMENT).orElse(DEFAULT_ALIGNMENT);
      if (alignment < 1 || alignment > MAX_ALIGNMENT || Long.bitCount(alignment) != 1) {
        throw damaged(
            ALIGNMENT + " is " + alignment, "it is a power of two, at most " + MAX_ALIGNMENT);
      }
      return alignment;
    }

    private Map<String, StoredTensor> tensors(int count, long alignment) {
      Map<String, StoredTensor> relative = new LinkedHashMap<>();
      for (int i = 0; i < count; i++) {
        StoredTensor tensor = tensor(alignment);
        if (relative.put(tensor.name(), tensor) != null) {
          throw damaged("the tensor '" + tensor.name() + "' occurs twice", "names are unique");
        }
      }
      long dataStart = (cursor.position() + alignment - 1) / alignment * alignment;
      checkExtents(relative.values().stream().toList(), file.size() - dataStart);
      relative.replaceAll((name, tensor) -> new StoredTensor(
          file, name, tensor.type(), tensor.shape(), dataStart + tensor.position()));
      return Collections.unmodifiableMap(relative);
    }

    /** A tensor whose position is still relative to the data. */
    private StoredTensor tensor(long alignment) {
      String name = cursor.string();
      long dimensions = cursor.uint32();
      if (dimensions < 1 || dimensions > MAX_DIMENSIONS) {
        throw damaged(
            "the tensor '" + name + "' has " + dimensions + " dimensions",
            "there are 1 to " + MAX_DIMENSIONS);
      }
      List<Long> shape = new ArrayList<>();
      for (int i = 0; i < dimensions; i++) {
        shape.add(0, cursor.int64());
      }
      ElementType type = elementType(name, cursor.int32());
      long offset = cursor.int64();
      long columns = shape.get(shape.size() - 1);
      if (shape.stream().anyMatch(size -> size < 1) || columns % type.blockElements() != 0) {
        throw damaged(
            "the tensor '" + name + "' has the shape " + shape,
            "sizes are positive, and rows of " + type + " are multiples of "
                + type.blockElements());
      }
      if (offset < 0 || offset % alignment != 0) {
        throw damaged(
            "the tensor '" + name + "' begins at byte " + Long.toUnsignedString(offset)
                + " of the data",
            "tensors begin at multiples of " + alignment);
      }
      return new StoredTensor(file, name, type, List.copyOf(shape), offset);
    }

    private ElementType elementType(String name, int type) {
      return switch (type) {
        case 0 -> ElementType.F32;
        case 1 -> ElementType.F16;
        case 2 -> ElementType.Q4_0;
        case 3 -> ElementType.Q4_1;
        case 6 -> ElementType.Q5_0;
        case 7 -> ElementType.Q5_1;
        case 8 -> ElementType.Q8_0;
        case 12 -> ElementType.Q4_K;
        case 13 -> ElementType.Q5_K;
        case 14 -> ElementType.Q6_K;
        case 28 -> ElementType.F64;
        case 30 -> ElementType.BF16;
        default ->
          throw new ModelFileException(
              file.path(),
              "the tensor '" + name + "' has the element type " + Integer.toUnsignedString(type),
              "F32, F16, BF16, F64, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K and Q6_K can be read",
              "Choose a file quantised to one of these, e.g. Q8_0");
      };
    }

    /** Each tensor lies in the file, and after the one before. */
    private void checkExtents(List<StoredTensor> tensors, long available) {
      List<StoredTensor> ordered = new ArrayList<>(tensors);
      ordered.sort(Comparator.comparingLong(StoredTensor::position));
      long end = 0;
      for (StoredTensor tensor : ordered) {
        if (tensor.position() < end) {
          throw damaged(
              "the tensor '" + tensor.name() + "' begins at byte " + tensor.position()
                  + " of the data",
              "the one before it ends at " + end);
        }
        long size = sizeBytes(tensor);
        if (size < 0 || size > available - tensor.position()) {
          throw damaged(
              "the tensor '" + tensor.name() + "' of shape " + tensor.shape() + " begins at byte "
                  + tensor.position() + " of the data",
              "the file has only " + Math.max(available, 0) + " bytes of data");
        }
        end = tensor.position() + size;
      }
    }

    /** Minus one where the size is beyond a long. */
    private static long sizeBytes(StoredTensor tensor) {
      try {
        return tensor.sizeBytes();
      } catch (ArithmeticException e) {
        return -1;
      }
    }

    private ModelFileException damaged(String problem, String why) {
      return ModelFileException.damaged(file.path(), problem, why);
    }
  }
}
