package io.alchemist.text.jinja;

import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The functions every template may call. */
final class Functions {
  private Functions() {}

  static @Nullable Callable named(String name) {
    return switch (name) {
      case "raise_exception" ->
        (frame, a) -> {
          throw TemplateException.raised(Values.text(a.allow("message").required(0, "message")));
        };
      case "strftime_now" ->
        (frame, a) -> format(ZonedDateTime.now(frame.clock), a.allow("format").text(0, "format"));
      case "namespace" ->
        (frame, a) -> {
          Namespace namespace = new Namespace();
          entries(a).forEach((key, value) -> namespace.attributes.put(Values.text(key), value));
          return namespace;
        };
      case "dict" -> (frame, a) -> entries(a);
      case "range" -> Functions::range;
      default -> null;
    };
  }

  private static Map<Object, Object> entries(Arguments arguments) {
    Map<Object, Object> entries = new LinkedHashMap<>();
    if (arguments.positional().size() > 1
        || (arguments.positional().size() == 1
            && !(arguments.positional().get(0) instanceof Map<?, ?>))) {
      throw TemplateException.render(
          arguments.function() + " takes name=value arguments, or one dict.");
    }
    for (Object map : arguments.positional()) {
      entries.putAll((Map<?, ?>) map);
    }
    entries.putAll(arguments.named());
    return entries;
  }

  private static Object range(Frame frame, Arguments arguments) {
    arguments.allow("start", "stop", "step");
    boolean one = arguments.positional().size() < 2;
    long from = one ? 0 : arguments.integer(0, "start", 0);
    long to = arguments.integer(one ? 0 : 1, "stop", 0);
    long by = arguments.integer(2, "step", 1);
    if (by == 0) {
      throw TemplateException.render("range() can't have a step of 0.");
    }
    List<Object> numbers = new ArrayList<>();
    for (long i = from; by > 0 ? i < to : i > to; i += by) {
      numbers.add(i);
      frame.budget.items(numbers.size());
    }
    return numbers;
  }

  /** The date and time fields of C's strftime, in English. */
  private static String format(ZonedDateTime time, String format) {
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < format.length(); i++) {
      char c = format.charAt(i);
      if (c != '%') {
        out.append(c);
        continue;
      }
      char field = ++i < format.length() ? format.charAt(i) : ' ';
      if (field == '-' && i + 1 < format.length()) {
        field = format.charAt(++i);
        out.append(unpadded(field(time, field)));
      } else {
        out.append(field(time, field));
      }
    }
    return out.toString();
  }

  private static String unpadded(String number) {
    return number.length() > 1 && number.startsWith("0") ? number.substring(1) : number;
  }

  private static String field(ZonedDateTime time, char field) {
    String pattern =
        switch (field) {
          case 'a' -> "EEE";
          case 'A' -> "EEEE";
          case 'b' -> "MMM";
          case 'B' -> "MMMM";
          case 'd' -> "dd";
          case 'm' -> "MM";
          case 'y' -> "yy";
          case 'Y' -> "yyyy";
          case 'H' -> "HH";
          case 'I' -> "hh";
          case 'M' -> "mm";
          case 'S' -> "ss";
          case 'p' -> "a";
          case 'j' -> "DDD";
          case 'F' -> "yyyy-MM-dd";
          case 'T' -> "HH:mm:ss";
          case '%' -> "'%'";
          default ->
            throw TemplateException.render("strftime_now does not support %" + field
                + "; supported are %a %A %b %B %d %m %y %Y %H %I %M"
                + " %S %p %j %F %T %%, and %- before a number.");
        };
    return DateTimeFormatter.ofPattern(pattern, Locale.US).format(time);
  }
}
