"""Writes the expected output of chat templates, rendered by Jinja2 as Hugging Face's transformers sets it up.

Usage: python3 chat_template_golden.py ../resources/io/alchemist/text/chat-templates.json   (needs jinja2 3.1.6)

Each case has a template, special tokens and conversations; per conversation and mode the text, or the words with which
the template refused. The clock stands at 2026-03-05 14:07:09.
"""
import datetime
import json
import sys

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

NOW = datetime.datetime(2026, 3, 5, 14, 7, 9)


class Generation(Extension):
    """The markers around generated text, which write nothing themselves."""

    tags = {"generation"}

    def parse(self, parser):
        next(parser.stream)
        return parser.parse_statements(["name:endgeneration"], drop_needle=True)


class Refused(Exception):
    pass


def raise_exception(message):
    raise Refused(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


ENV = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
ENV.filters["tojson"] = tojson
ENV.globals["raise_exception"] = raise_exception
ENV.globals["strftime_now"] = lambda f: NOW.strftime(f)

TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}

CONVERSATIONS = [
    [],
    [{"role": "user", "content": "Hi"}],
    [{"role": "system", "content": "  Be brief.\n"}, {"role": "user", "content": "What is 2 + 2?\n\n"}],
    [
        {"role": "user", "content": "Grüße, 世界 👩‍🚀 e\u0301"},
        {"role": "assistant", "content": " <think>\nhm\n</think>\n\nHello 'there' \"you\" "},
        {"role": "user", "content": "Bye\\n {{ 1 }} {% x %}"},
    ],
    [
        {"role": "system", "content": ""},
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
        {"role": "assistant", "content": "d"},
    ],
    [{"role": "user", "content": "one"}, {"role": "user", "content": "two"}],
    [{"role": "tool", "content": "{\"t\": 1}"}, {"role": "user", "content": "x"}],
]

TEMPLATES = {
    "turns-default-system": (
        "{% for message in messages %}"
        "{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nBe kind.<|im_end|>\n' }}{% endif %}"
        "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
    ),
    "headers": (
        "{% set loop_messages = messages %}{% for m in loop_messages %}"
        "{% set content = '<|start_header_id|>' + m['role'] + '<|end_header_id|>\n\n'+ m['content'] | trim + '<|eot_id|>' %}"
        "{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
    ),
    "headers-with-date": """
{{- bos_token }}
{%- if not date_string is defined %}
    {%- if strftime_now is defined %}
        {%- set date_string = strftime_now("%d %b %Y") %}
    {%- else %}
        {%- set date_string = "26 Jul 2024" %}
    {%- endif %}
{%- endif %}
{%- if messages and messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{%- if tools is not none %}{{- "Environment: tools\\n" }}{%- endif %}
{{- "Today Date: " + date_string + "\\n\\n" }}
{{- system_message }}
{{- "<|eot_id|>" }}
{%- for message in messages %}
    {%- if not (message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}
    {%- elif message.role == "tool" %}
        {{- "<|start_header_id|>ipython<|end_header_id|>\\n\\n" }}
        {%- if message.content is mapping or message.content is iterable %}
            {{- message.content | tojson }}
        {%- else %}
            {{- message.content }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
""",
    "instructions": (
        "{% if messages and messages[0]['role'] == 'system' %}{% set sys = messages[0]['content'] %}{% set rest = messages[1:] %}"
        "{% else %}{% set sys = false %}{% set rest = messages %}{% endif %}{{ bos_token }}"
        "{% for message in rest %}"
        "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
        "{{ raise_exception('Roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
        "{% if loop.index0 == 0 and sys != false %}{% set content = '<<SYS>>\n' + sys + '\n<</SYS>>\n\n' + message['content'] %}"
        "{% else %}{% set content = message['content'] %}{% endif %}"
        "{% if message['role'] == 'user' %}{{ '[INST] ' + content.strip() + ' [/INST]' }}"
        "{% elif message['role'] == 'assistant' %}{{ ' ' ~ content | trim ~ ' ' ~ eos_token }}{% endif %}{% endfor %}"
    ),
    "instructions-namespaced": """{%- set ns = namespace(index=0, system='') %}
{%- for m in messages if m.role == 'system' %}{%- set ns.system = ns.system ~ (m.content | trim) %}{%- endfor %}
{{- bos_token }}
{%- for m in messages | rejectattr('role', 'equalto', 'system') %}
    {%- if m.role not in ['user', 'assistant'] %}
        {{- raise_exception("Unknown role: " + m.role + "!") }}
    {%- endif %}
    {%- set ns.index = ns.index + 1 %}
    {%- if m["role"] == "user" %}
        {%- if loop.last and ns.system %}
            {{- "[INST]" + ns.system + "\\n\\n" + m["content"] + "[/INST]" }}
        {%- else %}
            {{- "[INST]" + m["content"] + "[/INST]" }}
        {%- endif %}
    {%- else %}
        {{- m["content"] + eos_token }}
    {%- endif %}
{%- endfor %}
{{- '#' ~ ns.index }}
""",
    "thinking": """{%- if tools %}{{- 'tools' }}{%- endif %}
{%- set ns = namespace(multi_step=true, last_query=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step and message.role == "user" and message.content is string and not(message.content.startswith('<tool>') and message.content.endswith('</tool>')) %}
        {%- set ns.multi_step = false %}
        {%- set ns.last_query = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.content is string %}
        {%- set content = message.content %}
    {%- else %}
        {%- set content = '' %}
    {%- endif %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {%- set reasoning_content = '' %}
        {%- if message.reasoning_content is string %}
            {%- set reasoning_content = message.reasoning_content %}
        {%- else %}
            {%- if '</think>' in content %}
                {%- set reasoning_content = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
                {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
            {%- endif %}
        {%- endif %}
        {%- if loop.index0 > ns.last_query %}
            {{- '<|im_start|>' + message.role + '\\n<think>\\n' + reasoning_content.strip('\\n') + '\\n</think>\\n\\n' + content.lstrip('\\n') }}
        {%- else %}
            {{- '<|im_start|>' + message.role + '\\n' + content }}
        {%- endif %}
        {%- if message.tool_calls %}
            {%- for tool_call in message.tool_calls %}{{- tool_call | tojson }}{%- endfor %}
        {%- endif %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == "tool" %}
        {%- if loop.first or (messages[loop.index0 - 1].role != "tool") %}
            {{- '<|im_start|>user' }}
        {%- endif %}
        {{- '\\n<tool_response>\\n' }}
        {{- content }}
        {{- '\\n</tool_response>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}
            {{- '<|im_end|>\\n' }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}""",
    "white-space": """  {# a comment #}
a
  {% if true %}
    b {{ 1 }}
  {% endif %}
  {{ 2 }}
  {%+ if true %} c {% endif +%}
d  {%- if true -%}   e   {%- endif %}
{#- x -#}  f
{% for i in range(3) -%}
  {{ i }},
{%- endfor %}

{{ 'x' -}}
   g {{- 'y' }}
\th
\t{% set z = 1 %}
{{ z }}

""",
    "values": """{{ [1, 'a', "it's", none, true, 1.5, {'k': [2]}] }}|{{ {'a': 'b\\n'} }}|{{ none }}|{{ missing }}|{{ 7 // 2 }} {{ 7 / 2 }} {{ -7 % 3 }} {{ -7 // 2 }} {{ 2 * 3 + 4 }} {{ 1 - 2 - 3 }}
{{ 'abc'[0] }}{{ 'abc'[-1] }}{{ 'abcdef'[1:4] }}{{ 'abcdef'[::-2] }}{{ 'añ👩b'[1:3] }}{{ [1,2,3][-2:] }}{{ [1,2,3][:-1] }}{{ [1,2,3][5:] }}
{{ 1 < 2 < 3 }} {{ 1 < 2 > 3 }} {{ 'a' in 'abc' }} {{ 'x' not in ['x'] }} {{ not 1 == 2 }} {{ 1 == 1.0 == true }} {{ 'a' < 'b' }}
{{ 'yes' if 1 else 'no' }}{{ 'x' if false }}{{ 0 or 'or' }}{{ '' and 'and' }}{{ 1 and 2 }}
{{ 'a' ~ 1 ~ none ~ 2.0 }}{{ 'a' 'b' }}{{ (1, 2) | length }}{{ {'a': 1}['a'] }}{{ {'a': 1}.a }}{{ {'items': 1}['items'] }}
{% for k, v in {'a': 1, 'b': 2}.items() %}{{ k }}={{ v }}{{ ',' if not loop.last }}{% endfor %}
{{ 'x' * 3 }}{{ 10.0 }}{{ 0.1 + 0.2 }}{{ 3 is odd }}{{ 4 is divisibleby 2 }}{{ 1 is not none }}
{{ missing is undefined }}{{ missing is defined }}{{ 'é"\\\\ \\u00e9\\x41' }}""",
    "filters": """{{ ' a b ' | trim }}|{{ 'xxaxx' | trim('x') }}|{{ 'Straße' | upper }}|{{ 'ABC' | lower }}|{{ 'hello wORLD' | capitalize }}
{{ 'aXbXc' | replace('X', '-') }}|{{ 'aXbXc' | replace('X', '-', 1) }}|{{ [1,2,3] | join(', ') }}|{{ messages | map(attribute='role') | join('/') }}
{{ missing | default('d') }}|{{ '' | default('e') }}|{{ '' | default('f', true) }}|{{ none | d('g', boolean=true) }}
{{ [3,4] | first }}{{ [3,4] | last }}{{ 'añ👩' | length }}{{ messages | count }}{{ 'abc' | list }}{{ [1,2] | reverse | list }}{{ ['b','a','B'] | unique | list }}
{{ {'a': [1, 2.5, none, true, "q\\"é\\n"]} | tojson }}|{{ {'a': [1, {}], 'b': []} | tojson(indent=2) }}|{{ 'x' | tojson }}
{{ '12' | int + 1 }}|{{ 'z' | int }}|{{ 3.9 | int }}|{{ '1.5' | float }}|{{ -3 | abs }}|{{ 5 | string + 'x' }}
{{ 'a\\nb\\n\\nc' | indent }}|{{ 'a\\nb' | indent(2, true) }}|{{ {'b': 1, 'A': 2} | dictsort }}
{{ messages | selectattr('role', 'equalto', 'user') | list | length }}|{{ [0, 1, '', 'x'] | select | list }}|{{ [1,2,3,4] | reject('even') | list }}|{{ ['a', 'b'] | map('upper') | join }}""",
    "methods": """{{ '  a '.strip() }}|{{ 'xxaxx'.lstrip('x') }}|{{ 'xxaxx'.rstrip('x') }}|{{ 'a b  c'.split() }}|{{ 'a,b,,c'.split(',') }}|{{ 'a,b,c'.split(',', 1) }}|{{ 'a,b,c'.rsplit(',', 1) }}
{{ 'abc'.startswith('ab') }}{{ 'abc'.endswith(('x', 'bc')) }}{{ 'abc'.upper() }}{{ 'ABC'.lower() }}{{ 'aXb'.replace('X', '') }}{{ 'abcb'.find('b') }}{{ 'abcb'.count('b') }}
{{ 'a\\nb\\r\\nc\\n'.splitlines() }}{{ '-'.join(['a', 'b']) }}{{ 'preX'.removeprefix('pre') }}{{ 'hello there'.capitalize() }}
{{ {'a': 1}.get('a') }}{{ {'a': 1}.get('b') }}{{ {'a': 1}.get('b', 2) }}{{ {'a': 1, 'b': 2}.keys() | list }}{{ {'a': 1}.values() | list }}""",
    "scopes": """{% set x = 1 %}{% for i in [1, 2] %}{{ x }}{% set x = x + i %}{{ x }}{% endfor %}{{ x }}
{% set ns = namespace() %}{% set ns.n = 0 %}{% for m in messages %}{% set ns.n = ns.n + loop.index %}{% else %}{{ 'none' }}{% endfor %}{{ ns.n }}
{% set a, b = [1, 2] %}{{ a }}{{ b }}{% set text %}<{{ a }}>{% endset %}{{ text }}{{ text | length }}
{% macro show(m, mark='*') %}{{ mark }}{{ m.role }}{{ mark }}{% endmacro %}{% for m in messages %}{{ show(m) }}{{ show(m, mark='+') }}{% endfor %}
{% for i in range(10) %}{% if i == 2 %}{% continue %}{% endif %}{% if i == 5 %}{% break %}{% endif %}{{ i }}{% endfor %}
{% for i in range(4) if i != 1 %}{{ loop.index }}/{{ loop.length }}:{{ i }}:{{ loop.revindex }}{{ loop.previtem if loop.previtem is defined else '-' }}{{ loop.nextitem | default('-') }}{{ loop.cycle('a', 'b') }} {% endfor %}
{% for i in [1, 2] %}{% for j in 'ab' %}{{ i }}{{ j }}{{ loop.first }}{% endfor %}{{ loop.first }}{% endfor %}
{% generation %}{{ 'generated' }}{% endgeneration %}{% if messages is iterable and messages is not mapping and messages is not string %}ok{% endif %}
{{ strftime_now('%A %a %d %B %b %m %y %Y %H:%M:%S %I %p %j %%') }}""",
}


def main(path):
    cases = []
    for name, source in TEMPLATES.items():
        template = ENV.from_string(source)
        results = []
        for messages in CONVERSATIONS:
            for generation in (True, False):
                entry = {"messages": messages, "generation": generation}
                try:
                    entry["text"] = template.render(
                        messages=messages, add_generation_prompt=generation, tools=None, documents=None, **TOKENS
                    )
                except Refused as e:
                    entry["refused"] = str(e)
                results.append(entry)
        cases.append({"name": name, "template": source, "results": results})
    with open(path, "w", encoding="utf-8") as out:
        json.dump({"jinja2": jinja2.__version__, "tokens": TOKENS, "cases": cases}, out, ensure_ascii=False, indent=1)
        out.write("\n")


main(sys.argv[1])
