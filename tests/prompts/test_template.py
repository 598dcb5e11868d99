"""Templates: values go in once, braces that make no variable are text, mistakes are named."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

import treadle
from treadle.prompts.template import Filled, compiled
from treadle.prompts.text_files import TextFiles

TEXT = st.text()
BRACES = st.text(alphabet="{}|x \n%", max_size=60)
NAME = st.text(
    st.characters(exclude_characters='{}|"\\', exclude_categories=["C", "Z"]), min_size=1
)


def filled(text, /, engine="plain", **values):
    result = compiled(text, engine=engine).fill(values)
    assert result.missing == ()
    return result.text


def doubled(text):
    """Escape by hand, as the documentation says."""
    return text.replace("{{", "{{{{")


@pytest.mark.parametrize("template", ["{{topic}}", "{{ topic }}", "{{  topic}}", "{{topic\t}}"])
def test_spaces_inside_the_braces_do_not_matter(template):
    assert filled(template, topic="physics") == "physics"


@pytest.mark.parametrize(
    "name",
    ["my col", "my-col", "a.b", "größe", "日本", "2024", "x (m/s)", "it's", "a:b", "#", "$x"],
)
def test_any_column_can_be_named(name):
    assert compiled(f"<{{{{ {name} }}}}>").fill({name: "1"}) == Filled("<1>")


@given(NAME, TEXT)
def test_a_value_goes_in_as_it_is(name, value):
    assert compiled(f"a{{{{{name}}}}}b").fill({name: value}) == Filled(f"a{value}b")


@given(st.lists(BRACES | st.sampled_from(["{{a}}", "{{b}}", "{% raw %}"])), BRACES)
def test_values_are_never_looked_at_for_variables(pieces, value):
    """What a value holds changes nothing but itself: a stand-in for it gives the same text."""
    text = "\n".join(["{{a}}", *pieces])
    try:
        template = compiled(text)
    except treadle.UsageError:
        return
    stand_in = "\ufffc"
    by_value = template.fill({"a": value, "b": value})
    assert by_value.text == template.fill({"a": stand_in, "b": stand_in}).text.replace(
        stand_in, value
    )


@given(st.text(st.characters(exclude_characters="{}")))
def test_a_text_without_braces_stays_as_it_is(text):
    template = compiled(text)
    assert template.names == frozenset()
    assert template.fill({"x": "y"}) == Filled(text)


@given(BRACES | TEXT)
def test_doubled_braces_give_any_text_without_raw_blocks(text):
    """Closing braces need doubling only for one's own eyes."""
    assert compiled(doubled(text)).fill({}) == Filled(text)


@given(BRACES | TEXT)
def test_a_raw_block_gives_any_text(text):
    assert compiled("{% raw %}" + text + "{% endraw %}").fill({}) == Filled(text)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{{{topic}}}}", "{{topic}}"),
        ("{{{{topic}} {{x}}", "{{topic}} 1"),
        ("{{{x}}}", "{1}"),
        ("{{{{{{x}}}}}}", "{{1}}"),
        ('{"a": {"b": {{x}}}}', '{"a": {"b": 1}}'),
        ("{% raw %}{{x}}{% endraw %}{{x}}", "{{x}}1"),
        ("{%- raw -%}\n{{x}}\n{%- endraw -%}", "\n{{x}}\n"),
        ("{% raw %}{{x}}", "{% raw %}1"),
        ("{% endraw %}{{x}}", "{% endraw %}1"),
    ],
)
def test_braces_beside_a_variable(template, text):
    assert filled(template, x="1") == text


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"a": {"b": {"c": {"d": {}}}}}),
        '{"a":{"b":{"c":{"d":1}}}}',
        "{{",
        "}}",
        "x = {{\n  y }}\n",
        '{{"a": 1}, {"b": 2}}',
        '{{"a": 1}}',
        r"\frac{{x}^2}{{y}_{i}}",
        r"{{\bf x}}",
        "{{}}",
        "{{ }}",
        "{{ | }}",
        "{% if x %}",
        "{#x#}",
        "if (x) {{ return; }\n}",
    ],
)
def test_json_latex_and_code_need_no_escapes(text):
    assert filled(text) == text


@pytest.mark.parametrize(
    ("text", "name", "line"),
    [
        ("Explain {{topic} in a sentence.", "topic", 1),
        ("a\n\nExplain {{topic", "topic", 3),
        ("{{ my topic", "my topic", 1),
        ("{{topic} as {{x}}", "topic", 1),
        ("{% raw %}\n\n{% endraw %}\n{{topic|upper} {", "topic", 4),
    ],
)
def test_a_variable_that_is_not_closed_is_named_with_its_line(text, name, line):
    with pytest.raises(treadle.UsageError) as caught:
        compiled(text, name="p.txt")
    assert caught.value.message == f"p.txt, line {line}: {{{{{name} is not closed"
    assert f"{{{{{name}}}}}" in str(caught.value.hint)


def test_what_is_missing_is_reported_once_and_stays_as_it_is_typed():
    template = compiled("{{ b }} {{a}} {{ b|upper }} {{c}}")
    assert template.names == {"a", "b", "c"}
    assert template.fill({"c": ""}) == Filled("{{ b }} {{a}} {{ b|upper }} ", ("b", "a"))


def test_what_is_missing_can_be_left_empty():
    result = compiled("<{{a}}{{b|json}}>").fill({}, empty=True)
    assert result == Filled('<"">', ("a", "b"))


def test_an_empty_value_is_not_missing():
    assert filled("<{{x}}>", x="") == "<>"


@pytest.mark.parametrize(
    ("template", "value", "text"),
    [
        ("{{x|upper}}", "straße", "STRASSE"),
        ("{{x|lower}}", "ABC", "abc"),
        ("{{x | strip}}", " a b\n", "a b"),
        ("{{x|trunc:3}}", "äöüß", "äöü"),
        ("{{x|trunc: 0}}", "abc", ""),
        ("{{x|json}}", 'a "b"\n\u2028ü', '"a \\"b\\"\\n\u2028ü"'),
        ("{{x|strip|upper|trunc:1}}", " ab", "A"),
        ("{{x|default:none}}", "", "none"),
        ("{{x|strip|default:none}}", "  ", "none"),
        ("{{x|default:none}}", "a", "a"),
        ("{{x|default:}}", "", ""),
        ("{{x|default:see a:b}}", "", "see a:b"),
        ("{{x|default:' a '}}", "", " a "),
        ('{{x|default:"n/a"}}', "", "n/a"),
        ("{{x|default:none|upper}}", "", "NONE"),
    ],
)
def test_filters(template, value, text):
    assert filled(template, x=value) == text


@given(TEXT)
def test_json_gives_back_the_value(value):
    assert json.loads(filled("{{x|json}}", x=value)) == value


def test_a_default_makes_a_variable_optional_where_all_its_uses_have_one():
    template = compiled("{{a|default:1}}{{b|upper|default:2}}{{c}}{{c|default:3}}")
    assert template.names == {"c"}
    assert template.variables == {"a", "b", "c"}
    assert template.fill({}) == Filled("12{{c}}3", ("c",))


@pytest.mark.parametrize(
    ("template", "message", "hint"),
    [
        ("\n{{x|uper}}", "p.txt, line 2: no filter 'uper'", "did you mean 'upper'?"),
        ("{{x|}}", "p.txt, line 1: no filter ''", "filters: default"),
        ("{{x|trunc}}", "p.txt, line 1: the filter 'trunc' is not understood", "trunc:200"),
        ("{{x|trunc:-1}}", "p.txt, line 1: the filter 'trunc:-1' is not", "trunc:200"),
        ("{{x|trunc:" + "9" * 5000 + "}}", "p.txt, line 1: the filter 'trunc:999", "trunc:200"),
        ("{{x|default}}", "p.txt, line 1: the filter 'default' is not", "default:none"),
        ("{{x|json:2}}", "p.txt, line 1: the filter json takes nothing", "|json"),
    ],
)
def test_a_wrong_filter_is_named_with_its_line(template, message, hint):
    with pytest.raises(treadle.UsageError) as caught:
        compiled(template, name="p.txt")
    assert message in caught.value.message
    assert hint in str(caught.value.hint)


def test_a_file_goes_in_and_is_not_filled_itself(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_bytes("\ufeffä {{x}}\r\nb".encode())
    template = compiled("<{{doc|file}}>", files=TextFiles(tmp_path))
    assert template.fill({"doc": "docs/a.txt"}).text == "<ä {{x}}\nb>"
    assert template.fill({"doc": ""}).text == "<>"
    assert template.fill({}) == Filled("<{{doc|file}}>", ("doc",))


@pytest.mark.parametrize("path", ["../secret", "docs/../../secret", "/etc/passwd", "C:\\x", "out"])
def test_a_file_outside_the_folder_is_not_read(tmp_path, path):
    folder = tmp_path / "here"
    (folder / "docs").mkdir(parents=True)
    (tmp_path / "secret").write_text("secret")
    (folder / "out").symlink_to(tmp_path / "secret")
    template = compiled("{{doc|file}}", files=TextFiles(folder))
    with pytest.raises(treadle.BadRowError, match=r"absolute|leads out"):
        template.fill({"doc": path})


def test_a_file_that_is_not_there_is_a_problem_of_the_row(tmp_path):
    (tmp_path / "a.txt").touch()
    template = compiled("{{doc|file}}", files=TextFiles(tmp_path))
    with pytest.raises(treadle.BadRowError, match=r"no file .*b\.txt") as caught:
        template.fill({"doc": "b.txt"})
    assert "a.txt" in str(caught.value.hint)


@pytest.mark.parametrize(
    "hostile",
    [
        "{" * 400_000,
        "}" * 400_000,
        "{{x" * 100_000 + "}" * 200_000,
        "{{ " + " " * 400_000,
        "{{x|" * 70_000 + "} " * 140_000,
        "{{x} " * 60_000 + "}" * 60_000,
        "{% raw %}" * 40_000,
        "{%" + " " * 400_000,
        "{{a}}" * 60_000,
        "{{\n" * 100_000,
    ],
    ids=lambda text: repr(text[:8]),
)
def test_hostile_texts_take_linear_time(hostile):
    """Quadratic work on these would take minutes: the timeout of all tests is the judge."""
    template = compiled(hostile)
    assert len(template.fill({"a": "", "x": ""}).text) <= len(hostile)


def test_there_are_two_engines():
    with pytest.raises(treadle.UsageError, match="no template engine 'mako'"):
        compiled("", engine="mako")


def test_jinja_fills_loops_and_conditions():
    text = "{% for w in words.split() %}{{ w | upper }};{% endfor %}{{ cells['my col'] }}\n"
    template = compiled(text, engine="jinja")
    assert template.names == {"words"}
    assert template.fill({"words": "a b", "my col": "{{c}}"}) == Filled("A;B;{{c}}\n")


def test_jinja_reports_what_is_missing_as_the_plain_engine_does():
    template = compiled(
        "{{ a }}{{ b }}{{ c|default('3') }}{% if d is defined %}{{ d }}{% endif %}", engine="jinja"
    )
    assert template.names == {"a", "b"}
    assert template.fill({"b": "2"}) == Filled("{{ a }}23", ("a",))
    assert template.fill({"b": "2"}, empty=True) == Filled("23", ("a",))


def test_jinja_has_the_filters_of_the_plain_engine(tmp_path):
    (tmp_path / "a.txt").write_text("{{ text }}")
    template = compiled(
        "{{ x|file }}{{ x|trunc(2) }}{{ ' y '|strip|json }}",
        engine="jinja",
        files=TextFiles(tmp_path),
    )
    assert template.fill({"x": "a.txt"}).text == '{{ text }}a."y"'


def test_jinja_stays_in_its_sandbox():
    template = compiled("{{ x.__class__.__mro__ }}", engine="jinja")
    with pytest.raises(treadle.BadRowError, match="SecurityError"):
        template.fill({"x": ""})


def test_jinja_names_the_line_of_a_mistake():
    with pytest.raises(treadle.UsageError, match=r"p\.txt, line 2: "):
        compiled("a\n{% if %}", engine="jinja", name="p.txt")


def test_jinja_says_what_a_row_breaks():
    template = compiled("{{ 1 // (x|int) }}", engine="jinja", name="p.txt")
    with pytest.raises(treadle.BadRowError, match=r"p\.txt cannot be filled: ZeroDivisionError"):
        template.fill({"x": "0"})


def test_jinja_is_asked_for_only_when_it_is_wanted():
    """Without it, the plain engine works and the other one says what to install."""
    code = """
import sys
sys.modules["jinja2"] = None
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name == "jinja2" else found(name)
import treadle
from treadle.prompts.template import compiled
print(compiled("{{x}}").fill({"x": "1"}).text)
try:
    compiled("{{x}}", engine="jinja")
except treadle.MissingExtra as error:
    print(error.hint)
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split("\n") == ["1", "pip install jinja2", ""]
