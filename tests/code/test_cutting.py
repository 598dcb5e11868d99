"""Cuts lie where a reader would put them: between definitions, never off what belongs together."""

from __future__ import annotations

import re

import pytest

from treadle.code import chunk_text


def texts(code: str, language: str = "python", **options) -> list[str]:
    found = chunk_text(code, language, **options)
    assert found.method == "syntax"
    assert "".join(chunk.text for chunk in found.chunks) == code
    return [chunk.text for chunk in found.chunks]


def function(name: str, lines: int = 3) -> str:
    body = "".join(f"    step_{i} = {i}\n" for i in range(lines))
    return f"def {name}():\n{body}\n\n"


def test_a_file_within_the_budget_is_one_chunk():
    assert len(texts(function("f") + function("g"))) == 1


def test_functions_that_fit_are_whole():
    code = "".join(function(f"f{i}", lines=2 + i % 5) for i in range(40))
    chunks = texts(code, max_chars=150)
    wanted = re.findall(r"def f\d+\(\):\n(?:    .*\n)+", code)
    assert len(wanted) == 40
    assert all(any(each in chunk for chunk in chunks) for each in wanted)


def test_small_functions_share_a_chunk():
    code = "".join(function(f"f{i}", lines=1) for i in range(300))
    assert len(texts(code, max_chars=300)) == pytest.approx(len(code) / 300, rel=0.35)


def test_a_chunk_ends_between_two_methods_rather_than_inside_one():
    methods = "".join(
        f"    def m{i}(self):\n        a = {i}\n        return a\n\n" for i in range(12)
    )
    chunks = texts("class A:\n" + methods, max_chars=180)
    assert len(chunks) > 2
    assert all(chunk.lstrip().startswith(("class A", "def m")) for chunk in chunks)


def test_a_comment_stays_with_what_it_speaks_of():
    pair = "# What {0} is for,\n# in two lines.\ndef {0}():\n    return 1\n\n\n"
    chunks = texts("".join(pair.format(f"f{i}") for i in range(20)), max_chars=100)
    assert len(chunks) > 10
    assert all(chunk.startswith("# What") for chunk in chunks)


def test_a_comment_before_an_empty_line_is_on_its_own():
    code = f"# {'licence ' * 8}\n\n# of f\n{function('f', 4)}"
    assert texts(code, max_chars=120)[1].startswith("# of f\n")


def test_a_comment_at_the_end_of_a_line_stays_on_it():
    code = "".join(f"value_{i} = {i}  # a remark on {i}\n" for i in range(40))
    assert all(
        re.fullmatch(r"(value_\d+ = .*  # .*\n)+", each) for each in texts(code, max_chars=90)
    )


def test_a_comment_that_does_not_fit_with_its_function_is_not_left_to_the_one_before():
    pair = "# What it is for,\n# in two lines.\ndef {0}():\n    return {0}_of_something()\n\n\n"
    chunks = texts("".join(pair.format(f"f{i}") for i in range(20)), max_chars=70)
    assert not any(re.search(r"\n\n\n# What", chunk) for chunk in chunks)


def test_decorators_stay_with_their_function():
    code = "".join(f"@first\n@second(1)\n{function(f'f{i}')}" for i in range(10))
    assert all(chunk.startswith("@first\n@second") for chunk in texts(code, max_chars=120))


def test_attributes_and_documentation_stay_with_their_function():
    code = "".join(
        f"/// Does {i}.\n#[inline]\n#[must_use]\nfn f{i}() -> u8 {{\n    {i}\n}}\n\n"
        for i in range(9)
    )
    assert all(chunk.startswith("/// Does") for chunk in texts(code, "rust", max_chars=90))


def test_the_head_of_a_function_is_not_cut_off_its_body():
    """
    A body that fits by itself, but not with its head, is cut inside: a head alone says nothing.
    """
    code = "def a_name_of_some_length(first, second):\n" + "    call(first, second)\n" * 10
    first, *_ = texts(code, max_chars=len(code) - 10)
    assert first.count("call") > 3


def test_the_indentation_of_a_line_goes_with_it():
    code = "class A:\n" + "".join(f"    def m{i}(self):\n        return {i}\n" for i in range(9))
    for chunk in texts(code, max_chars=80)[1:]:
        assert chunk.startswith("    def")


def test_a_comment_over_the_budget_is_cut_between_lines():
    code = "".join(f"# line {i} of a very long comment\n" for i in range(200)) + function("f")
    chunks = texts(code, max_chars=200)
    assert all(len(chunk) <= 200 for chunk in chunks)
    assert all(chunk.endswith("\n") for chunk in chunks)


def test_a_long_string_is_cut_and_what_follows_joins_its_end():
    code = 'text = """' + "word " * 500 + '"""\nafter = 1\n'
    found = chunk_text(code, "python", max_chars=300)
    assert [chunk.method for chunk in found.chunks[1:]] == ["split"] * (len(found.chunks) - 1)
    assert found.chunks[0].text.startswith('text = """word')
    assert found.chunks[-1].text.endswith('"""\nafter = 1\n')
    assert len(found.chunks) <= len(code) / 300 * 1.3


@pytest.mark.parametrize("code", ["[" * 100_000, "(" * 50_000 + ")" * 50_000, "-" * 100_000 + "1"])
def test_deep_nesting_overflows_no_stack(code):
    found = chunk_text(code, "python", max_chars=500)
    assert "".join(chunk.text for chunk in found.chunks) == code
    assert all(len(chunk.text) <= 500 for chunk in found.chunks)


def test_what_is_nested_too_deep_is_cut_by_its_lines_and_said():
    code = "".join(f"{' ' * i}if a{i}:\n" for i in range(60)) + " " * 60 + "pass\n"
    found = chunk_text(code, "python", max_chars=200, max_depth=10)
    assert (found.status, found.reason) == ("degraded", "too-deep")
    assert "".join(chunk.text for chunk in found.chunks) == code


def test_a_list_of_many_values_is_cut_by_its_lines():
    code = "x = [\n" + "    1234567,\n" * 120_000 + "]\n"
    found = chunk_text(code, "python", max_chars=2000)
    assert "".join(chunk.text for chunk in found.chunks) == code
    assert all(chunk.text.endswith("\n") for chunk in found.chunks)


def test_a_file_of_too_many_nodes_is_cut_without_syntax():
    found = chunk_text(function("f", 100), "python", max_chars=200, max_nodes=50)
    assert (found.reason, found.method) == ("too-many-nodes", "delimiters")


def test_broken_syntax_is_kept_as_long_as_most_can_be_read():
    code = function("f", 20) + "def broken(:\n    pass\n" + function("g", 20)
    found = chunk_text(code, "python", max_chars=200)
    assert (found.status, found.method) == ("ok", "syntax")
    assert found.errors == sum(chunk.errors for chunk in found.chunks) > 0


def test_what_is_no_program_is_cut_without_syntax_and_said():
    found = chunk_text(") ] } ( = = + * % " * 200, "python", max_chars=200)
    assert (found.status, found.reason) == ("degraded", "syntax-errors")
    assert found.method == "delimiters"


def test_only_white_space_is_one_chunk():
    assert texts("\n   \n\t\n") == ["\n   \n\t\n"]


def test_nothing_gives_nothing():
    found = chunk_text("", "python")
    assert (found.status, found.chunks) == ("ok", ())


def test_a_chunk_begins_where_a_line_does():
    code = "package a\n\n" + "".join(
        f"// T{i} is.\ntype T{i} struct {{\n" + "\tF int\n" * (i % 9) + "}\n\n" for i in range(40)
    )
    for chunk in texts(code, "go", max_chars=150):
        assert chunk.startswith(("package", "// T", "\t", "type T", "}"))
        assert not chunk.isspace()


def test_a_line_over_the_budget_is_cut_between_its_parts():
    chunks = texts("x = [" + ", ".join(f"call_{i}(1)" for i in range(200)) + "]\n", max_chars=100)
    assert all(len(chunk) <= 100 for chunk in chunks)


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_a_line_end_is_never_cut_in_two(end):
    code = end.join(f"def f{i}():{end}    return {i}{end}" for i in range(30))
    for limit in range(1, 40):
        for chunk in texts(code, max_chars=limit)[:-1]:
            assert not chunk.endswith("\r")
