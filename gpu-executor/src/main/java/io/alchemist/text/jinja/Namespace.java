package io.alchemist.text.jinja;

import java.util.LinkedHashMap;
import java.util.Map;

/** The one value whose attributes a template may assign: {@code {% set ns.x = 1 %}}. */
final class Namespace {
  final Map<String, Object> attributes = new LinkedHashMap<>();
}
