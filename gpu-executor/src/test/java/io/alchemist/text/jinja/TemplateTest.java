package io.alchemist.text.jinja;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.alchemist.text.jinja.TemplateException.Kind;
import java.time.Clock;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TemplateTest {

  private static String render(String source) {
    return Template.parse(source).render(Map.of("text", "abc"), Clock.systemUTC());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '@',
      value = {
        "{% include 'x' %}@the tag 'include' is not supported here; supported are if, elif, else, for, break,",
        "{% raw %}{{ x }}{% endraw %}@the tag 'raw' is not supported",
        "{% call f() %}{% endcall %}@the tag 'call' is not supported",
        "{{ x | xmlattr }}@the filter 'xmlattr' is not supported; supported are abs, capitalize,",
        "{{ x is sameas y }}@the test 'sameas' is not supported; supported are",
        "{{ 2 ** 3 }}@the operator '**' is not supported.",
        "{{ f(*x) }}@unpacking arguments with '*' is not supported.",
        "{% for x in y recursive %}{% endfor %}@recursive loops are not supported.",
        "{{ 1e5 }}@numbers with exponent",
        "{% if x %}@'if' has no 'endif'.",
        "{% for x in y %}{% endif %}@the tag 'endif' is not supported here",
        "{% break %}@'break' stands outside a loop.",
        "{{ x @the tag that starts here has no end. Close it with '}}'.",
        "{{ 'x }}@the string that starts here has no end.",
        "{# x@the comment that starts here has no end.",
        "{{ x y }}@found 'y' where '}}' is expected.",
        "{{ }}@found '}}' where a value is expected.",
        "{{ x ! y }}@unexpected character '!'.",
        "{{ 99999999999999999999 }}@the number 99999999999999999999 is beyond 64 bits.",
        "{% set true = 1 %}@'true' can't be assigned."
      })
  void whatIsNotSupportedIsRefusedAtParseTime(String source, String message) {
    assertThatThrownBy(() -> Template.parse("one\n" + source))
        .isInstanceOfSatisfying(TemplateException.class, e -> {
          assertThat(e.kind()).isEqualTo(Kind.SYNTAX);
          assertThat(e.line()).isEqualTo(2);
        })
        .hasMessageStartingWith("Line 2 of the template: ")
        .hasMessageContaining(message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '@',
      value = {
        "{{ missing.x }}@'missing' is undefined.",
        "{{ missing + 'x' }}@'missing' is undefined.",
        "{{ missing() }}@'missing' is undefined.",
        "{{ {'a': 1}.b.c }}@'b' of a dict is undefined.",
        "{{ 'a' + 1 }}@'+' is not supported between a string and an integer.",
        "{{ 1 < 'a' }}@'<' is not supported between an integer and a string.",
        "{{ 1 // 0 }}@division by zero",
        "{{ 9223372036854775807 + 1 }}@beyond 64 bits",
        "{% for x in 5 %}{% endfor %}@an integer can't be iterated over.",
        "{{ text.format(1) }}@method format() of a string is not supported.",
        "{{ [].append(1) }}@method append() of a list is not supported.",
        "{{ text.strip('a', 'b') }}@strip() takes at most 1 arguments, not 2.",
        "{{ text | trim(x=1) }}@filter trim has no argument 'x'.",
        "{{ text | upper(1) }}@filter upper takes at most 0 arguments",
        "{{ text.upper }}@a function can't be written as text.",
        "{% set text.x = 1 %}@only attributes of a namespace() can be set",
        "{% set a, b = [1] %}@1 values can't be assigned to the 2 names",
        "{{ {[1]: 2} }}@a list can't be the key of a dict.",
        "{{ [1][::0] }}@a slice can't have a step of 0.",
        "{% for x in [1] %}{{ loop.changed(x) }}{% endfor %}@loop.changed is not supported",
        "{{ strftime_now('%Q') }}@strftime_now does not support %Q"
      })
  void whatFailsNamesItsLine(String source, String message) {
    assertThatThrownBy(() -> render("\n\n" + source))
        .isInstanceOfSatisfying(
            TemplateException.class, e -> assertThat(e.kind()).isEqualTo(Kind.RENDER))
        .hasMessageStartingWith("Line 3 of the template: ")
        .hasMessageContaining(message);
  }

  @Test
  void raiseExceptionSpeaksForItself() {
    assertThatThrownBy(() -> render("{{ raise_exception('Roles must alternate') }}"))
        .isInstanceOfSatisfying(
            TemplateException.class, e -> assertThat(e.kind()).isEqualTo(Kind.RAISED))
        .hasMessage("Roles must alternate");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}",
        "{% set n = namespace(s='xx') %}{% for i in range(99) %}{% set n.s = n.s + n.s %}{% endfor %}",
        "{% set n = namespace(s=[1]) %}{% for i in range(99) %}{% set n.s = n.s + n.s %}{% endfor %}",
        "{% for i in range(99999) %}{{ 'x' * 9999 }}{% endfor %}",
        "{{ 'x' * 99999999999 }}",
        "{{ range(99999999999) }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% set n = namespace(s=[]) %}{% for i in range(99999) %}{% set n.s = [n.s] %}{% endfor %}{{ n.s }}",
        "{% set n = namespace(s='ab' * 5000000) %}{% for i in range(99999) %}{{ 'c' in n.s }}{% endfor %}",
        "{% set n = namespace(a=[], b=[]) %}{% for i in range(60) %}{% set n.a = [n.a, n.a] %}"
            + "{% set n.b = [n.b, n.b] %}{% endfor %}{{ n.a == n.b }}",
        "{{ ('x' * 9999999) | replace('x', 'yyyyyyyyyy') }}"
      })
  void renderingIsBounded(String source) {
    assertThatThrownBy(() -> render(source))
        .isInstanceOfSatisfying(
            TemplateException.class, e -> assertThat(e.kind()).isEqualTo(Kind.LIMIT));
  }

  @Test
  void nestingIsBounded() {
    assertThatThrownBy(
            () -> Template.parse("{{ " + "(".repeat(5000) + "1" + ")".repeat(5000) + " }}"))
        .hasMessageContaining("expressions are nested more than 100 deep.");
    assertThatThrownBy(() -> Template.parse("{% if a %}".repeat(5000)))
        .hasMessageContaining("blocks are nested more than 100 deep.");
    assertThatThrownBy(() -> Template.parse("{{ 1" + " + 1".repeat(5000) + " }}"))
        .hasMessageContaining("one expression has more than 500 operators.");
  }

  @Test
  void valuesGivenAreOnlyRead() {
    assertThatThrownBy(
            () -> Template.parse("x").render(Map.of("o", new Object()), Clock.systemUTC()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("A template can't be given a java.lang.Object");
  }
}
