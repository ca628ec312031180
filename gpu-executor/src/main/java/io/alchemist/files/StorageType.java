package io.alchemist.files;

/** How weights are stored when they are written. */
public enum StorageType {
  /** Exact. */
  F32("F32", "float32", Float.BYTES),
  /** Half the size; 11 significant bits, nothing beyond 65,504. */
  F16("F16", "float16", Short.BYTES),
  /** Half the size; 8 significant bits, the range of float32. */
  BF16("BF16", "bfloat16", Short.BYTES);

  private final String safetensorsName;
  private final String torchName;
  private final int sizeBytes;

  StorageType(String safetensorsName, String torchName, int sizeBytes) {
    this.safetensorsName = safetensorsName;
    this.torchName = torchName;
    this.sizeBytes = sizeBytes;
  }

  String safetensorsName() {
    return safetensorsName;
  }

  String torchName() {
    return torchName;
  }

  int sizeBytes() {
    return sizeBytes;
  }
}
