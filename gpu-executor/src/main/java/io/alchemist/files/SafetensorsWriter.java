package io.alchemist.files;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;

/** Writes safetensors files, streaming: the memory it needs does not depend on the tensors' sizes. */
public final class SafetensorsWriter {
  private static final int CHUNK = 1 << 16;
  private static final int ALIGNMENT = 8;

  /** Where the elements come from; {@code WeightSource::read} is one. */
  @FunctionalInterface
  public interface Elements {
    /** Fills {@code into} with consecutive elements of a tensor. */
    void read(String name, long offset, FloatBuffer into);
  }

  private final Path file;
  private final FileChannel channel;
  private final StorageType type;
  private final FloatBuffer values = FloatBuffer.allocate(CHUNK);
  private final ByteBuffer bytes =
      ByteBuffer.allocateDirect(CHUNK * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);

  private SafetensorsWriter(Path file, FileChannel channel, StorageType type) {
    this.file = file;
    this.channel = channel;
    this.type = type;
  }

  /**
   * Writes a file; it appears under its name only when it is whole and on disk, and replaces one that was there.
   *
   * @param shapes the tensors in the order they are stored, rows first
   * @throws ModelFileException when an element is not finite, or not in the range of {@code type}
   */
  public static void write(
      Path file, Map<String, List<Long>> shapes, StorageType type, Elements elements) {
    Path temporary = Temporaries.beside(file);
    try {
      try (FileChannel channel =
          FileChannel.open(temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
        SafetensorsWriter writer = new SafetensorsWriter(file, channel, type);
        writer.header(shapes);
        for (Map.Entry<String, List<Long>> tensor : shapes.entrySet()) {
          writer.tensor(tensor.getKey(), StoredTensor.elements(tensor.getValue()), elements);
        }
        channel.force(true);
      }
      Temporaries.publish(temporary, file);
    } catch (IOException e) {
      throw new UncheckedIOException("Can't write " + file, e);
    } finally {
      Temporaries.discard(temporary);
    }
  }

  private void header(Map<String, List<Long>> shapes) throws IOException {
    ObjectNode header = JsonFields.JSON.createObjectNode();
    header.putObject("__metadata__").put("format", "pt");
    long begin = 0;
    for (Map.Entry<String, List<Long>> tensor : shapes.entrySet()) {
      long end = begin + StoredTensor.elements(tensor.getValue()) * type.sizeBytes();
      ObjectNode entry = header.putObject(tensor.getKey()).put("dtype", type.safetensorsName());
      tensor.getValue().forEach(entry.putArray("shape")::add);
      entry.putArray("data_offsets").add(begin).add(end);
      begin = end;
    }
    String text = header.toString();
    int length = text.getBytes(StandardCharsets.UTF_8).length;
    int padded = (length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    ByteBuffer buffer = ByteBuffer.allocate(Long.BYTES + padded).order(ByteOrder.LITTLE_ENDIAN);
    buffer
        .putLong(padded)
        .put((text + " ".repeat(padded - length)).getBytes(StandardCharsets.UTF_8));
    drain(buffer.flip());
  }

  private void tensor(String name, long elements, Elements source) throws IOException {
    for (long offset = 0; offset < elements; offset += values.limit()) {
      values.clear().limit((int) Math.min(CHUNK, elements - offset));
      source.read(name, offset, values);
      values.rewind();
      bytes.clear();
      for (int i = 0; i < values.limit(); i++) {
        float value = values.get(i);
        if (!Float.isFinite(store(value))) {
          throw new ModelFileException(
              file,
              "element " + (offset + i) + " of " + name + " is " + value,
              "it is not a finite number of " + type.torchName(),
              "Roll back to weights from before training diverged, or store them as float32");
        }
      }
      drain(bytes.flip());
    }
  }

  /** Appends a value and answers what a reader will find. */
  private float store(float value) {
    switch (type) {
      case F32 -> {
        bytes.putFloat(value);
        return value;
      }
      case F16 -> {
        short half = HalfFloats.toF16(value);
        bytes.putShort(half);
        return HalfFloats.fromF16(half);
      }
      case BF16 -> {
        short half = HalfFloats.toBf16(value);
        bytes.putShort(half);
        return HalfFloats.fromBf16(half);
      }
    }
    throw new AssertionError(type);
  }

  private void drain(ByteBuffer buffer) throws IOException {
    while (buffer.hasRemaining()) {
      channel.write(buffer);
    }
  }
}
