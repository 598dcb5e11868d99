"""Extensions that several languages share, and what in the text tells them apart.

The expressions are tried in order on the first 4 KiB; where none is found, the extension stays with
its language in the table ``known``, or with none. They are anchored at the beginnings of lines or
plain, no two repetitions in a row take the same characters, and those that could give some back to
no avail are possessive: each takes one pass whatever the text.
"""

from __future__ import annotations

import re
from typing import TypeAlias

_Rule: TypeAlias = tuple[tuple[re.Pattern[bytes], str], ...]

_C_COMMENT = re.compile(rb"/\*.*?(?:\*/|\Z)|//[^\n]*", re.DOTALL)
_WITH_C_COMMENTS = frozenset({".h", ".m", ".inc", ".v", ".cl", ".sc", ".pro"})


def decide(extension: str, head: bytes) -> str | None:
    """
    Return the language that a text with this extension is in; None when no rule says.

    Args:
        extension: One of :data:`RULES`.
        head: How the text begins.
    """
    if extension in _WITH_C_COMMENTS:  # prose in a comment may hold any keyword
        head = _C_COMMENT.sub(b" ", head)
    for pattern, language in RULES[extension]:
        if pattern.search(head):
            return language
    return None


def _lines(*alternatives: bytes) -> re.Pattern[bytes]:
    """Compile an expression that finds a line which begins with one of the alternatives."""
    return re.compile(rb"^[ \t]*+(?:" + b"|".join(alternatives) + b")", re.MULTILINE)


_OBJC = _lines(
    rb"@(?:interface|implementation|protocol|class|import|property|end)\b",
    rb"#[ \t]*import\b",
    rb"NS_ASSUME_NONNULL_BEGIN\b",
)
_CPP = _lines(
    rb"template[ \t]*<",
    rb"(?:inline[ \t]++)?namespace\b(?:[ \t]++[\w:]++)?[ \t]*+(?:\{|$)",
    rb"class(?:\s++\w++){1,5}+\s*+[:{;]",
    rb"enum\s++(?:class|struct)\s",
    rb"(?:public|private|protected)[ \t]*(?:slots[ \t]*)?:",
    rb"using\s++(?:namespace\s|\w++(?:\s*+=|::))",
    rb"#[ \t]*include[ \t]*<[\w/]+>",  # <vector>: those of C end with .h
    rb"(?:static[ \t]+|inline[ \t]+)*constexpr\b",
    rb"(?:virtual|explicit|friend)\s",
)
_STD = re.compile(rb"std::\w")
_XML = re.compile(rb"\A\s*+<[?!]")
_MARKUP = re.compile(rb"\A\s*+<")
_RAKU = _lines(rb"use[ \t]+v6\b", rb"(?:unit[ \t]+)?(?:role|grammar|module)[ \t]+[\w:]+[ \t]*[;{]")
_PERL = _lines(
    rb"use[ \t]+[\w:.]+",
    rb"package[ \t]+[\w:]+[ \t]*[;{]",
    rb"sub[ \t]+\w+",
    rb"(?:my|our|local)[ \t]*[($@%]",
    rb"=(?:pod|head1)\b",
)
_PROLOG = _lines(
    rb":-[ \t]", rb"[a-z]\w*(?:\([^\n]*\))?[ \t]*(?::-|-->)", rb"[a-z]\w*\([^\n()]*\)\."
)
_ROFF = (_lines(rb"\.(?:\\\"|TH\b|SH\b|Dd\b|Dt\b|so\b)", rb"'\\\""), "roff")

RULES: dict[str, _Rule] = {
    ".asc": (
        (_lines(rb"-----BEGIN "), "pem"),
        (re.compile(rb"\A=[ \t]|^==+[ \t]", re.MULTILINE), "asciidoc"),
    ),
    ".bb": ((re.compile(rb"\A\s*+[(;]|\A#!.*\bbb\b"), "clojure"),),
    ".cl": (
        (
            _lines(
                rb"__kernel\b", rb"kernel\s+void\b", rb"#[ \t]*(?:include|define|pragma|ifdef)\b"
            ),
            "opencl",
        ),
    ),
    ".cls": (
        (_lines(rb"\\(?:NeedsTeXFormat|ProvidesClass|LoadClass|documentclass)\b"), "latex"),
        (_lines(rb"VERSION[ \t]+\d\.\d[ \t]+CLASS\b", rb"Attribute[ \t]+VB_"), "basic"),
        (re.compile(rb"\b(?:class|interface|enum)[ \t]+\w+", re.IGNORECASE), "apex"),
    ),
    ".conf": (
        (
            _lines(rb"(?:http|events|stream)[ \t]*\{", rb"(?:server|upstream|location)[^\n=]*\{"),
            "nginx",
        ),
    ),
    ".config": ((_MARKUP, "xml"),),
    ".d": ((re.compile(rb"\A[^\s:=;(){}]+\.\w+[ \t]*:(?:[ \t\\\r\n]|\Z)"), "make"),),
    ".fs": (
        (_lines(rb"#[ \t]*version\b", rb"(?:uniform|varying|precision|attribute)[ \t]+\w"), "glsl"),
        (_lines(rb":[ \t]+\S+[ \t]+\("), "forth"),
    ),
    ".h": ((_OBJC, "objc"), (_STD, "cpp"), (_CPP, "cpp")),
    ".inc": (
        (re.compile(rb"<\?(?:php|=)"), "php"),
        (_CPP, "cpp"),
        (_lines(rb"#[ \t]*(?:include|define|ifn?def|if|undef)\b", rb"typedef\b"), "c"),
        (_lines(rb"%(?:macro|define|ifn?def|include|if)\b", rb"\.(?:macro|equ|set)\b"), "assembly"),
        (_lines(rb"[\w:-]+[ \t]*(?:\?\?=|\?=|\+=|:=|=)[ \t]*\""), "bitbake"),
        (_lines(rb"(?i:\{\$|procedure\b|unit\b|function\b)"), "pascal"),
        (_MARKUP, "html"),
    ),
    ".l": (
        (_lines(rb"\((?:def\w*|in-package|setq|require)\b"), "commonlisp"),
        _ROFF,
    ),
    ".m": (
        (_OBJC, "objc"),
        (_lines(rb":-[ \t]*module\b"), "mercury"),
        (re.compile(rb"\(\*|\bBeginPackage\[|^\w+\[[^\n]*\][ \t]*:=", re.MULTILINE), "mathematica"),
        (
            _lines(
                rb"%",
                rb"(?:function|classdef)\b",
                rb"(?:clear|clc|close|figure|hold|addpath|disp|plot|format)\b",
                rb"end[ \t]*+;?+[ \t]*+$",
                rb"\[?[\w, ]++\]?[ \t]*+=[ \t]*+[\[\w'(-][^\n{]*+$",
            ),
            "matlab",
        ),
    ),
    ".mod": ((_XML, "xml"),),
    ".pl": ((_RAKU, "raku"), (_PERL, "perl"), (_PROLOG, "prolog")),
    ".pm": ((_RAKU, "raku"),),
    ".pp": (
        (
            _lines(rb"(?i:unit|program|library|uses|interface|procedure)\b[^{\n]*+$"),
            "pascal",
        ),
        (
            _lines(
                rb"(?:class|define|node)[ \t]++[\w:'\".-][^;\n{(]*+[{(]",
                rb"(?:package|file|service|exec|user|group|notify|include)[ \t]*[\w:{'\"]",
                rb"\$\w+[ \t]*=",
            ),
            "puppet",
        ),
    ),
    ".pro": ((_lines(rb"(?:TEMPLATE|TARGET|SOURCES|HEADERS|CONFIG|QT)[ \t]*[+-]?="), "qmake"),),
    ".r": ((_lines(rb"(?i:rebol|red)[ \t]*\["), "rebol"),),
    ".sc": (
        (
            _lines(
                rb"\+?[ \t]*+[A-Z]\w*+[ \t]*+(?::[ \t]*+[A-Z]\w*+[ \t]*+)?\{",
                rb"SynthDef\(",
                rb"arg[ \t]+\w+",
            ),
            "supercollider",
        ),
    ),
    ".spec": ((_lines(rb"a[ \t]*=[ \t]*Analysis\("), "python"),),
    ".t": ((_RAKU, "raku"),),
    ".ts": ((_XML, "xml"), (re.compile(rb"\A\s*+<TS[\s>]"), "xml")),
    ".tsx": ((_XML, "xml"),),
    ".v": (
        (
            _lines(
                rb"(?:Require|From|Import|Export|Theorem|Lemma|Definition|Inductive|Fixpoint|Proof)\b",
                rb"(?:Module|Section|Record|Notation|Ltac|Example|Axiom|Variables?|Set|Unset)[ \t]",
            ),
            "coq",
        ),
        (_lines(rb"(?:pub[ \t]+)?fn[ \t]+[\w(]", rb"pub[ \t]+(?:struct|enum|const)\b"), "vlang"),
    ),
    **{f".{section}": (_ROFF,) for section in range(1, 10)},
}
"""By extension: expressions, each with the language that a text is in which it is found in."""
