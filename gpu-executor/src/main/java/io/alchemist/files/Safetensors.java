package io.alchemist.files;

import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A safetensors file, open for reading: eight bytes with the header's length, a JSON header that gives each tensor's type,
 * shape and extent, and the elements. The header is checked entirely when the file is opened. One thread at a time.
 */
public final class Safetensors implements AutoCloseable {
  private static final int MAX_HEADER_BYTES = 100_000_000;
  private static final String METADATA = "__metadata__";

  private final ByteFile file;
  private final Map<String, StoredTensor> tensors;
  private final TensorReader reader = new TensorReader();

  private Safetensors(ByteFile file, Map<String, StoredTensor> tensors) {
    this.file = file;
    this.tensors = tensors;
  }

  /**
   * Opens a file and checks its header.
   *
   * @throws ModelFileException when the header lies or names a type that is none of F64, F32, F16, BF16
   */
  public static Safetensors open(Path path) {
    ByteFile file = ByteFile.open(path);
    try {
      return new Safetensors(file, tensors(file));
    } catch (RuntimeException e) {
      file.close();
      throw e;
    }
  }

  /** The tensors' names. */
  public Set<String> names() {
    return Collections.unmodifiableSet(tensors.keySet());
  }

  /**
   * A tensor's shape, rows first.
   *
   * @throws IllegalArgumentException when there is no such tensor
   */
  public List<Long> shape(String name) {
    return tensor(name).shape();
  }

  /**
   * Fills {@code into} with consecutive elements of a tensor as float32.
   *
   * @throws IllegalArgumentException when there is no such tensor, or it ends before
   * @throws ModelFileException when an element is not finite
   */
  public void read(String name, long offset, FloatBuffer into) {
    reader.read(tensor(name), offset, into);
  }

  @Nullable
  StoredTensor find(String name) {
    return tensors.get(name);
  }

  @Override
  public void close() {
    file.close();
  }

  private StoredTensor tensor(String name) {
    StoredTensor tensor = tensors.get(name);
    if (tensor == null) {
      throw new IllegalArgumentException(
          file.path() + " has no tensor '" + name + "'. Use one of its names.");
    }
    return tensor;
  }

  private static Map<String, StoredTensor> tensors(ByteFile file) {
    JsonFields header = header(file);
    long dataStart = Long.BYTES + headerLength(file);
    List<Extent> extents = new ArrayList<>();
    for (String name : header.names()) {
      JsonFields fields = header.object(name);
      if (fields != null && !name.equals(METADATA)) {
        extents.add(extent(file, file.size() - dataStart, name, fields));
      }
    }
    // The format has neither gaps nor overlaps: in the order of their starts, each begins where the
    // last ended.
    extents.sort(Comparator.comparingLong(Extent::begin).thenComparingLong(Extent::end));
    long end = 0;
    Map<String, StoredTensor> tensors = new LinkedHashMap<>();
    for (Extent extent : extents) {
      if (extent.begin != end) {
        throw ModelFileException.damaged(
            file.path(),
            "tensor '" + extent.name + "' begins at byte " + extent.begin + " of the data",
            "the tensor before it ends at byte " + end + ", and they may neither overlap nor gape");
      }
      end = extent.end;
      tensors.put(
          extent.name,
          new StoredTensor(file, extent.name, extent.type, extent.shape, dataStart + extent.begin));
    }
    if (dataStart + end != file.size()) {
      throw ModelFileException.damaged(
          file.path(),
          "the file has " + file.size() + " bytes",
          "its header describes " + (dataStart + end));
    }
    return tensors;
  }

  private static JsonFields header(ByteFile file) {
    long length = headerLength(file);
    if (length < 2 || length > MAX_HEADER_BYTES || length > file.size() - Long.BYTES) {
      throw ModelFileException.damaged(
          file.path(),
          "the header claims " + Long.toUnsignedString(length) + " bytes",
          "the file has " + file.size() + ", and a header at most " + MAX_HEADER_BYTES);
    }
    byte[] text = new byte[Math.toIntExact(length)];
    file.read(Long.BYTES, text, text.length);
    return JsonFields.parse(file.path(), text);
  }

  private static long headerLength(ByteFile file) {
    if (file.size() < Long.BYTES) {
      throw ModelFileException.damaged(
          file.path(),
          "the file has " + file.size() + " bytes",
          "the first 8 give the length of a safetensors header");
    }
    byte[] bytes = new byte[Long.BYTES];
    file.read(0, bytes, bytes.length);
    return PlainBlocks.bits64(bytes, 0);
  }

  private static Extent extent(ByteFile file, long available, String name, JsonFields fields) {
    String type = fields.text("dtype");
    ElementType elementType =
        switch (type) {
          case "F64" -> ElementType.F64;
          case "F32" -> ElementType.F32;
          case "F16" -> ElementType.F16;
          case "BF16" -> ElementType.BF16;
          default ->
            throw new ModelFileException(
                file.path(),
                "tensor '" + name + "' has the type " + type,
                "F64, F32, F16 and BF16 can be read",
                "Export the model in one of these types, without quantisation");
        };
    List<Long> shape = fields.sizes("shape");
    List<Long> offsets = fields.sizes("data_offsets");
    if (offsets.size() != 2) {
      throw fields.wrongType("data_offsets", "the first byte and the one after the last");
    }
    long begin = offsets.get(0);
    long end = offsets.get(1);
    if (begin > end || end > available) {
      throw ModelFileException.damaged(
          file.path(),
          "tensor '" + name + "' lies at bytes " + begin + " to " + end + " of the data",
          "the file has " + available + " bytes of data");
    }
    if (end - begin != sizeBytes(elementType, shape)) {
      throw ModelFileException.damaged(
          file.path(),
          "tensor '" + name + "' takes " + (end - begin) + " bytes",
          "its shape " + shape + " of " + type + " does not take so many");
    }
    return new Extent(name, elementType, List.copyOf(shape), begin, end);
  }

  /** Minus one, which is no size, where the shape's product is beyond a long. */
  private static long sizeBytes(ElementType type, List<Long> shape) {
    try {
      return type.sizeBytes(StoredTensor.elements(shape));
    } catch (ArithmeticException e) {
      return -1;
    }
  }

  private record Extent(String name, ElementType type, List<Long> shape, long begin, long end) {}
}
