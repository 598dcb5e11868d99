"""
What is known of the grammars, put to a real file of each language: ``samples/<language>/``.

``outlines/<language>.txt`` holds what is found in it, to be read: what it imports, then the kind,
qualified name and signature of each definition. After a change that is meant,
``TREADLE_RENEW_GOLDEN=1 pytest tests/code/test_grammars.py`` writes them anew.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle import code
from treadle.code.grammars.comments import plain
from treadle.code.languages import loading
from treadle.code.languages.known import LANGUAGES
from treadle.code.values import KINDS

SAMPLES = {
    each.name: next(each.iterdir()) for each in (Path(__file__).parent / "samples").iterdir()
}
OUTLINES = Path(__file__).parent / "outlines"
EVERY = sorted(each.name for each in LANGUAGES if each.grammar is not None)
RENEW = bool(os.environ.get("TREADLE_RENEW_GOLDEN"))


def loaded(language: str) -> loading.Loaded:
    found = loading.grammar(language)
    if found is None:
        assert language not in SAMPLES, f"the grammar for {language} comes with the extra"
        pytest.skip(f"no grammar for {language} is installed")
    return found


def parsed(language: str, data: bytes):
    return loading.parser(language).parse(data)


def nodes_of(tree) -> Iterator:
    stack = [tree.root_node]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(node.children))


def asked(facts, node) -> list:
    """Ask a grammar all that it can tell about a node, be it of whatever type."""
    told = [
        function(node)
        for function in (facts.name, facts.body, facts.docstring, facts.qualifier)
        if function is not None
    ]
    if node.type in facts.imports and facts.imported is not None:
        told.append(facts.imported(node))
    if node.type in facts.definitions:
        told += [function(node) for function in (facts.kind, facts.spelled) if function is not None]
    return told


def defined(facts, node) -> tuple[str, str] | None:
    """Return kind and name of what a node defines."""
    name = facts.name(node) if node.is_named and node.type in facts.definitions else None
    if name is None:
        return None
    spelled = name.text.decode() if facts.spelled is None else facts.spelled(node)
    kind = facts.definitions[node.type] if facts.kind is None else facts.kind(node)
    return kind, " ".join(spelled.split())


def outline(facts, tree) -> str:
    """Return imports and definitions, in order, one on a line."""
    imports: dict[str, None] = {}
    lines: list[str] = []
    stack = [(tree.root_node, "", "")]
    while stack:
        node, scope, holder = stack.pop()
        if node.is_named and node.type in facts.imports:
            imports |= dict.fromkeys(facts.imported(node))
        found = defined(facts, node)
        if found is not None:
            kind, name = found
            assert kind in KINDS
            kind = "method" if kind == "function" and holder in facts.holders else kind
            owner = None if facts.qualifier is None else facts.qualifier(node)
            owner = "" if owner is None else f"{owner.text.decode()}."
            scope, holder = f"{scope}{owner}{name}", kind
            lines.append(f"{kind:9} {scope}   {signature(facts, node)}")
            scope += "."
        stack.extend((child, scope, holder) for child in reversed(node.children))
    return "\n".join([f"imports   {', '.join(imports)}".rstrip(), *lines, ""])


def signature(facts, node) -> str:
    body = None if facts.body is None else facts.body(node)
    end = None if body is None else body.start_byte - node.start_byte
    return "| " + " ".join(node.text[:end].decode().split())


@pytest.mark.parametrize("language", EVERY)
def test_each_type_of_nodes_is_one_of_the_grammar(language):
    facts, grammar, _ = loaded(language)
    groups = (facts.wrappers, facts.comments, facts.leading, facts.imports, facts.outer)
    types = set(facts.definitions).union(*groups, facts.direct, facts.through)

    known = {grammar.node_kind_for_id(number) for number in range(grammar.node_kind_count)}

    assert types - known == set()
    assert facts.outer <= set(facts.definitions) | facts.wrappers
    assert facts.direct <= set(facts.definitions)
    assert set(facts.definitions.values()) | facts.holders <= set(KINDS)


@pytest.mark.parametrize("language", EVERY)
def test_a_grammar_names_the_wheel_that_it_is_in(language):
    facts, _, library = loaded(language)

    assert callable(getattr(importlib.import_module(facts.module), facts.function))
    assert library.startswith(f"{facts.package} ")


@pytest.mark.parametrize("language", sorted(SAMPLES))
def test_definitions_of_a_real_file_come_out(language):
    facts = loaded(language).facts
    tree = parsed(language, SAMPLES[language].read_bytes())
    kept = OUTLINES / f"{language}.txt"

    assert not tree.root_node.has_error
    found = outline(facts, tree)
    if RENEW:
        kept.write_text(found, encoding="utf-8")
    assert found == kept.read_text(encoding="utf-8")


@pytest.mark.parametrize("language", sorted(SAMPLES))
def test_types_whose_names_are_looked_up_directly_are_named_so(language):
    facts = loaded(language).facts
    tree = parsed(language, SAMPLES[language].read_bytes())

    for node in nodes_of(tree):
        if node.is_named and node.type in facts.direct:
            name = node.child_by_field_name("name")
            named = None if name is None else (facts.definitions[node.type], name.text.decode())
            assert defined(facts, node) == named
            assert facts.qualifier is None or facts.qualifier(node) is None


@pytest.mark.parametrize("language", sorted(SAMPLES))
def test_a_body_is_in_its_definition(language):
    facts = loaded(language).facts
    tree = parsed(language, SAMPLES[language].read_bytes())

    bodies = 0
    for node in nodes_of(tree):
        body = facts.body(node) if defined(facts, node) is not None else None
        if body is not None:
            bodies += 1
            assert node.start_byte < body.start_byte
            assert body.end_byte <= node.end_byte

    assert bodies


@pytest.mark.parametrize("language", sorted(SAMPLES))
def test_nothing_raises_on_what_is_broken(language):
    """Files that end in the middle, and files in which something is left out."""
    facts = loaded(language).facts
    data = SAMPLES[language].read_bytes()
    length = len(data)
    whole = [data[: length * part // 4] for part in range(1, 4)]
    holed = [data[:at] + data[at + 9 :] for at in range(length // 9, length, length // 3)]
    garbled = [data.translate(bytes.maketrans(b'{}()"', b"}{)('"))]

    for broken in [b"", b"\0", *whole, *holed, *garbled]:
        for node in nodes_of(parsed(language, broken)):
            told = asked(facts, node)
            assert all(
                each is None or isinstance(each, str | list) or each.end_byte >= each.start_byte
                for each in told
            )


def docstrings(language: str) -> dict[str, str]:
    facts = loaded(language).facts
    found = {}
    for node in nodes_of(parsed(language, SAMPLES[language].read_bytes())):
        what = defined(facts, node)
        text = None if what is None else facts.docstring(node)
        if text is not None:
            found.setdefault(what[1], plain(text.text.decode()))
    return found


def test_docstrings_of_python():
    assert docstrings("python") == {
        "Clock": "What tells the time.",
        "Item": "One kind of thing that can be on a shelf.\n\n"
        "Attributes:\n    name: As printed on the label.\n    price: In cents.",
        "label": r"The name and the price, with a \t between.",
        "Shelf": "A shelf: how many of which item.",
        "Full": "There is no room for another item.",
        "put": "Put *count* items on the shelf and return how many there are now.",
        "load": "Read a shelf from a JSON file.",
    }


def test_the_docstring_of_a_python_module():
    facts = loaded("python").facts
    root = parsed("python", SAMPLES["python"].read_bytes()).root_node

    text = plain(facts.docstring(root).text.decode())

    assert text.startswith("Keep count of what is on the shelves")
    assert text.endswith("is the part that other modules use.")


def test_docstrings_of_elixir_stand_before_functions():
    assert docstrings("elixir") == {
        "Example.Counter": "Counts things, each in a process of its own.",
        "start_link": "Starts a counter.",
        "add": "Adds to a counter and returns its value.\n\n    iex> add(:tea, 2)\n    2",
        "count": "How many there are.",
    }


@pytest.mark.parametrize(
    ("language", "code", "expected"),
    [
        ("c", "int x = f(1);\nstruct s *y;\n", []),
        ("c", "#ifndef A_H\n#define A_H\n#endif\n", []),
        ("c", "char **(*f(int x))(void) { return 0; }\n", [("function", "f")]),
        ("c", "typedef struct node { int x; } node;\n", [("struct", "node")]),
        ("cpp", "void f() {\n  Lock l(mutex);\n  int g(int x);\n}\n", ["f", "g"]),
        ("cpp", "a::b<int>::operator bool() { return 1; }\n", ["operator bool"]),
        ("cpp", "template <> void f<int>(int) {}\n", ["f"]),
        ("go", "func f() {\n\tvar x int\n\tconst y = 1\n}\n", ["f"]),
        ("javascript", "const {a} = b, c = 1;\nlet d;\n", []),
        ("javascript", "module.exports = () => 1;\n", []),
        ("javascript", "module.exports = { a: 1 };\n", []),
        ("javascript", "module.exports = { a() {} };\n", ["module.exports", "a"]),
        ("javascript", "export default { data() {} };\n", ["default", "data"]),
        ("javascript", "const A = { b() {} };\n", [("module", "A"), ("function", "b")]),
        ("javascript", "it('works');\nfoo('x', () => 1);\na.it(1, () => 2);\n", []),
        ("typescript", "export declare const a: { b(): void };\n", [("constant", "a")]),
        ("javascript", "const A = class { b() {} };\n", [("class", "A"), ("function", "b")]),
        ("typescript", "export const f = <T,>(x: T) => x;\n", [("function", "f")]),
        ("python", "def f():\n    LIMIT = 1\nx = 1\nX: int\n", ["f"]),
        ("rust", "mod a;\nimpl<T> From<T> for &mut b::C<T> {}\n", [("impl", "C")]),
        ("ruby", "x = 1\nclass << self\nend\n", []),
        ("elixir", "def(1)\ntest(x)\ndescribe(y)\n", ["1"]),
        ("haskell", "f :: Int -> Int\nf 0 = 1\nf n = n\n", ["f", "f", "f"]),
        ("haskell", "class C a where\n  m :: a -> a\n", ["C", "m"]),
        ("json", '{"a": 1, "b": {}, "c": [1], "d": {"e": 2}}', [("data", "c"), ("section", "d")]),
        ("yaml", "a: 1\nb: [1, 2]\nc:\n  d: 2\ne: |\n  text\n", ["c"]),
        ("toml", "a = [1]\n[b.c]\nd = 1\n", [("section", "b.c")]),
        ("hcl", 'x "a" "b" {}\ny {}\nz = 1\n', ["a.b", "y"]),
        ("html", "<div><p id=a>b</p><p id>c</p><p class=d ID='e f'></div>", ["a", "e f"]),
        ("markdown", "# A #\n\n## C#\n\ntext\n", ["A", "C#"]),
        ("markdown", "A\n=\n\ntext\n\nB\n-\n\n# C\n", ["A", "B", "C"]),
        ("markdown", "# **A** `b_c` *d* [e](f) 2 * 3\n", ["A b_c d e 2 * 3"]),
        ("sql", 'CREATE VIEW "a"."b" AS SELECT 1;\n', [("query", "a.b")]),
        ("css", "a,\nb { c: d }\n", [("rule", "a, b")]),
    ],
)
def test_names_of_careful_cases(language, code, expected):
    facts = loaded(language).facts

    found = [defined(facts, node) for node in nodes_of(parsed(language, code.encode()))]

    told = [each for each in found if each is not None]
    is_named_only = bool(expected) and isinstance(expected[0], str)
    assert ([name for _, name in told] if is_named_only else told) == expected


TESTS = """describe("stack", () => {
  it("grows", () => {});
  test.each([1, 2])(`shrinks`, async function () {});
  describe.skip("when empty", function () { it.only("is empty", () => {}); });
});
"""


@pytest.mark.parametrize("language", ["javascript", "typescript", "tsx"])
def test_blocks_of_tests_are_named_by_what_they_say(language):
    found = [
        defined(loaded(language).facts, node) for node in nodes_of(parsed(language, TESTS.encode()))
    ]

    assert [each for each in found if each is not None] == [
        ("section", "stack"),
        ("function", "grows"),
        ("function", "shrinks"),
        ("section", "when empty"),
        ("function", "is empty"),
    ]


WRAPPED = [
    ("bash", "if x; then\n  . a\n  f() { :; }\nelse\n  g() { :; }\nfi\n", "a", "f g"),
    ("bash", "[ -f a ] && source a\ncase x in\n  y) f() { :; };;\nesac\n", "a", "f"),
    ("c", "#ifndef A\n#include <a.h>\n#ifdef B\nint f(int x);\n#endif\n#endif\n", "a.h", "f"),
    ("cpp", '#if A\nextern "C" {\n#include "a"\nint f(int x);\n}\n#endif\n', "a", "f"),
    ("cpp", "namespace n {\nclass A { void f(); };\n}\n", "", "n n.A n.A.f"),
    ("csharp", "namespace N {\nusing A.B;\n#if X\nclass C { }\n#endif\n}\n", "A.B", "N N.C"),
    ("cuda", "#ifdef A\n__global__ void f(int *x) { }\n#endif\n", "", "f"),
    ("elixir", "defmodule A do\n  use B\n  def f(x), do: x\nend\n", "B", "A A.f"),
    ("go", "package p\n\ntype (\n\tA int\n\tB struct{}\n)\n", "", "A B"),
    ("go", "package p\n\nconst (\n\tA = 1\n\tB = 2\n)\n", "", "A B"),
    ("go", "package p\n\nvar (\n\tA = 1\n\tB int\n)\n", "", "A B"),
    ("haskell", "module M where\n\nimport A.B\n\nf :: Int\nf = 1\n", "A.B", "f"),
    ("hcl", 'resource "a" "b" {\n  c = 1\n}\n', "", "a.b"),
    ("html", "<html><body><main><p id='a'>b</p></main></body></html>\n", "", "main main.a"),
    ("javascript", "(function () {\n  require('a');\n  function f() {}\n})();\n", "a", "f"),
    ("javascript", "!(() => {\n  const a = require('a');\n  class B {}\n})();\n", "a", "B"),
    ("javascript", "try {\n  a = require('a');\n} catch (e) {}\n", "a", ""),
    ("json", '{"a": 1, "b": {"c": 2}}\n', "", "b"),
    ("julia", "module M\nusing A\nf(x) = 1\nend\n", "A", "M M.f"),
    ("kotlin", "package p\nimport a.B as C\nclass D {\n  fun f() {}\n}\n", "a.B", "D D.f"),
    ("lua", "if x then\n  local a = require('a')\n  function f() end\nend\n", "a", "f"),
    ("lua", "return { f = function() end }\n", "", "f"),
    ("nix", "{ pkgs }: {\n  f = x: x;\n}\n", "", "f"),
    ("objc", "#ifdef A\n#import <a.h>\n@interface B : C\n@end\n#endif\n", "a.h", "B"),
    ("ocaml", "let f x = 1\nand g y = 2\n", "", "f g"),
    ("php", "<?php\nnamespace N {\nuse A\\B;\nclass C {}\n}\n", "A\\B", "N N.C"),
    ("php", "<?php\nif (x()) {\n  require 'a';\n  function f() {}\n}\n", "a", "f"),
    ("powershell", "if ($x) {\n  Import-Module A\n  function f { }\n}\n", "A", "f"),
    ("python", "try:\n    import a\nexcept E:\n    def f(): pass\n", "a", "f"),
    ("ruby", "begin\n  require 'a'\nrescue LoadError\n  def f; end\nend\n", "a", "f"),
    ("ruby", "require 'a' if x\nunless y\n  class B; end\nend\n", "a", "B"),
    ("rust", 'extern "C" {\n  fn f();\n}\nmod m {\n  struct A;\n}\n', "", "f m m.A"),
    ("scala", "package p {\n  import a.B\n  class C\n}\n", "a.B", "C"),
    ("sql", "BEGIN;\nCREATE TABLE t (x int);\nCOMMIT;\n", "", "t"),
    ("swift", "#if A\nimport B\nclass C { func f() {} }\n#endif\n", "B", "C C.f"),
    ("typescript", "declare global {\n  interface A {}\n}\n", "", "A"),
    ("typescript", "declare module 'm' {\n  function f(): void;\n}\n", "", "m m.f"),
    ("typescript", "namespace N {\n  export class A { f() {} }\n}\n", "", "N N.A N.A.f"),
    ("xml", "<r><a id='b'/><c name='d'/></r>\n", "", "b d"),
    ("yaml", "a: 1\nb:\n  c: 2\n---\nd:\n  e: 3\n", "", "b d"),
]


@pytest.mark.parametrize(("language", "text", "imports", "symbols"), WRAPPED)
def test_what_is_in_a_guard_or_a_namespace_is_found_in_a_file_that_fits(
    language, text, imports, symbols
):
    loaded(language)

    found = code.chunk_text(text, language)

    assert found.status == "ok"
    assert [chunk.text for chunk in found.chunks] == [text]
    assert " ".join(found.chunks[0].imports) == imports
    assert " ".join(found.chunks[0].symbols) == symbols


@pytest.mark.parametrize(
    ("language", "text", "imports"),
    [
        ("python", "import a.b as c, d\n", "a.b d"),
        ("python", "from .. a import (b as c,  # e, f\n  g,\n)\n", "..a.b ..a.g"),
        ("python", "from .import a\nfrom a_import import b, c\n", ".a a_import.b a_import.c"),
        ("python", "from a \\\n  import *\n", "a.*"),
        ("python", "from __future__ import annotations\n", "__future__.annotations"),
        ("c", '#include <a/b.h>\n#include "c.h"\n', "a/b.h c.h"),
        ("csharp", "using A = B.C;\nusing static D.E;\n", "B.C D.E"),
        ("elixir", "alias A.{B, C.D}\nalias E.F, as: G\n", "A.B A.C.D E.F"),
        ("go", 'package p\n\nimport (\n\ta "b/c"\n\t_ "d"\n)\n', "b/c d"),
        ("haskell", "import qualified A.B as C (d)\n", "A.B"),
        ("java", "import static a.B.*;\nimport a.C;\n", "a.B.* a.C"),
        ("javascript", "import {a as b} from './c';\nexport * from 'd';\n", "./c d"),
        ("julia", "using A, B.C\nimport D: e, f as g\n", "A B.C D.e D.f"),
        ("kotlin", "import a.b.C as D\nimport e.*\n", "a.b.C e.*"),
        ("php", "<?php\nuse A\\B as C, D;\nuse function E\\{f, g as h};\n", r"A\B D E\f E\g"),
        ("rust", "use a::{b, c::{self, d as e}, f::*};\nmod g;\n", "a::b a::c a::c::d a::f::*"),
        ("scala", "import a.{B, C => D}, e._\n", "a.B a.C e.*"),
        ("swift", "@testable import A\nimport struct B.C\n", "A B.C"),
        ("typescript", "import a = require('b');\nimport c = D.E;\n", "b D.E"),
    ],
)
def test_imports_are_whole_names_without_aliases(language, text, imports):
    loaded(language)
    assert " ".join(code.chunk_text(text, language).chunks[0].imports) == imports


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ('@doc "F."', "F."),
        ("@doc ~S'''\n  F.\n  '''", "F."),
        ('@doc "F."\n  @doc since: "1"\n  @spec f(t) :: t', "F."),
        ("@doc false", None),
        ('@doc since: "1"', None),
    ],
)
def test_the_documentation_of_elixir_is_a_text(attributes, expected):
    text = f"defmodule A do\n  {attributes}\n  def f(x), do: x\nend\n"
    facts = loaded("elixir").facts
    found = [
        facts.docstring(node)
        for node in nodes_of(parsed("elixir", text.encode()))
        if defined(facts, node) == ("function", "f")
    ]

    assert [each and plain(each.text.decode()) for each in found] == [expected]


def test_a_docstring_that_is_cut_off_has_no_marks():
    assert plain('"""What it does') == "What it does"


WORDS = st.text("abcxyz", min_size=1, max_size=6)
INDENTED = st.builds(
    lambda depth, words: " " * depth + " ".join(words),
    st.integers(0, 6),
    st.lists(WORDS, min_size=1),
)
PROSE = st.builds(
    lambda first, rest, last: [first, *rest, last],
    WORDS,
    st.lists(st.one_of(st.just(""), INDENTED)),
    WORDS,
)


MARKS = st.sampled_from(["#", "##", "#:", "//", "///", "//!", "--", "---", ";", ";;", "%"])
AROUND = st.sampled_from(
    [
        ("/*", "*/"),
        ("/**", " */"),
        ("<!--", "-->"),
        ("{-", "-}"),
        ("{-|", "-}"),
        ("(*", "*)"),
        ("--[[", "]]"),
        ("<#", "#>"),
        ("#=", "=#"),
        ('"""', '"""'),
        ("r'''", "'''"),
    ]
)


@given(mark=MARKS, lines=PROSE, depth=st.integers(0, 8))
def test_marks_on_each_line_go(mark, lines, depth):
    text = "\n".join(" " * depth + f"{mark} {line}".rstrip() for line in lines)

    assert plain(text) == "\n".join(lines)


@given(around=AROUND, lines=PROSE, depth=st.integers(0, 8))
def test_marks_around_all_lines_go(around, lines, depth):
    opening, closing = around
    inside = "\n".join((" " * depth + line).rstrip() for line in lines)

    assert plain(f"{opening}\n{inside}\n{closing}") == "\n".join(lines)


@given(lines=PROSE)
def test_the_stars_before_each_line_go(lines):
    text = "    /**\n" + "\n".join(f"     * {line}".rstrip() for line in lines) + "\n     */"

    assert plain(text) == "\n".join(lines)


@given(lines=PROSE)
def test_words_without_marks_stay(lines):
    assert plain("\n".join(lines)) == "\n".join(lines)


@given(st.text(st.sampled_from("#/*-<!>{}()[]=|;%\"' \n\r\tab")))
def test_nothing_is_made_up(text):
    told = plain(text)

    assert told == told.strip()
    left = iter(text)
    assert all(each in left for each in told if not each.isspace())


def test_rows_of_signs_around_a_title_go():
    assert plain("# ======\n# Title\n# ======") == "Title"
    assert plain("/*******\n * Title *\n *******/").startswith("Title")


def test_several_comments_in_a_row_are_one_text():
    assert plain("/* one */\n/* two */") == "one\ntwo"
    assert plain("# one\n#\n#   two") == "one\n\n  two"
