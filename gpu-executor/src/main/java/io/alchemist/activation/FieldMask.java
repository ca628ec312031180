package io.alchemist.activation;

import io.alchemist.model.Activations.Field;
import java.util.EnumSet;
import java.util.Set;

/** Sets of fields as the cache knows them: bit i stands for the i-th {@link Field}. */
final class FieldMask {
  static final Field[] FIELDS = Field.values();

  private FieldMask() {}

  static int of(Set<Field> fields) {
    int mask = 0;
    for (int i = 0; i < FIELDS.length; i++) {
      mask |= fields.contains(FIELDS[i]) ? 1 << i : 0;
    }
    return mask;
  }

  static Set<Field> fields(int mask) {
    Set<Field> fields = EnumSet.noneOf(Field.class);
    for (int i = 0; i < FIELDS.length; i++) {
      if ((mask & 1 << i) != 0) {
        fields.add(FIELDS[i]);
      }
    }
    return fields;
  }
}
