"""Which language a file is in, by its name and by how it begins."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.code.languages.detecting import by_name, detect
from treadle.code.languages.known import LANGUAGES
from treadle.code.languages.shared import RULES, decide

NAMES = {each.name for each in LANGUAGES}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a.py", "python"),
        ("src/deep/a.test.ts.py", "python"),
        ("A.PY", "python"),
        ("Makefile", "make"),
        ("makefile", "make"),
        ("sub/Dockerfile.dev", "dockerfile"),
        ("CMakeLists.txt", "cmake"),
        ("views/page.blade.php", "blade"),
        ("page.php", "php"),
        ("config.yaml.in", "yaml"),
        ("settings.py.example", "python"),
        ("notes.md~", "markdown"),
        (".bashrc", "bash"),
        (".env.local", "dotenv"),
        ("foo.C", "cpp"),
        ("FOO.C", "c"),
        ("README", "text"),
        ("notes.txt", "text"),
        ("a.jsx", "javascript"),
        ("a.component.tsx.snap.rs", "rust"),
        ("unknown.xyzzy", None),
        ("no_extension", None),
        (".hidden", None),
        ("python.d/", None),
        ("", None),
        ("...", None),
        ("a.py.", None),
    ],
)
def test_a_name_tells_the_language(path, name):
    assert by_name(path) == name
    assert detect(path, b"") == name


@pytest.mark.parametrize("extension", [".h", ".m", ".v", ".pl", ".ts", ".inc", ".cls", ".r"])
def test_the_name_leaves_shared_extensions_open(extension):
    assert by_name(f"a{extension}") is None


@pytest.mark.parametrize(
    ("path", "head", "name"),
    [
        ("a.h", b"#include <stdio.h>\nint add(int, int);\n", "c"),
        ("a.h", b"", "c"),
        ("a.h", b"/* a class of its own\nclass Foo {\n*/\nint x;\n", "c"),
        ("a.h", b'#ifdef __cplusplus\nextern "C" {\n#endif\nint f(void);\n', "c"),
        ("a.h", b"#pragma once\n#include <vector>\n", "cpp"),
        ("a.h", b"namespace store {\nclass Shelf;\n}\n", "cpp"),
        ("a.h", b"template <typename T>\nT largest(T a, T b);\n", "cpp"),
        ("a.h", b"struct Shelf {\n private:\n  int books;\n};\n", "cpp"),
        ("a.h", b"// -*- C++ -*-\nint f();\n", "cpp"),
        ("a.h", b"#import <Foundation/Foundation.h>\n@interface Shelf : NSObject\n@end\n", "objc"),
        ("a.m", b"@implementation Shelf\n- (void)add {}\n@end\n", "objc"),
        ("a.m", b"#import <UIKit/UIKit.h>\nint main(void) { return 0; }\n", "objc"),
        ("a.m", b"function y = twice(x)\n  y = 2 * x;\nend\n", "matlab"),
        ("a.m", b"% plots things\nx = [1 2 3];\nplot(x)\n", "matlab"),
        ("a.m", b'(* a package *)\nBeginPackage["Tools`"]\n', "mathematica"),
        ("a.m", b":- module tools.\n:- interface.\n", "mercury"),
        ("a.v", b"module counter(input clk, output reg [3:0] q);\nendmodule\n", "verilog"),
        ("a.v", b"Require Import List.\nLemma nil_length : length nil = 0.\n", "coq"),
        ("a.v", b"module main\n\nfn main() {\n\tprintln('hi')\n}\n", "vlang"),
        ("a.pl", b"use strict;\nmy $x = 1;\n", "perl"),
        ("a.pl", b"parent(tom, bob).\nold(X) :- parent(X, _).\n", "prolog"),
        ("a.pl", b"use v6;\nsay 1;\n", "raku"),
        ("a.pl", b"print 1;\n", "perl"),
        ("a.ts", b"export const x: number = 1;\n", "typescript"),
        ("a.ts", b'<?xml version="1.0"?>\n<!DOCTYPE TS>\n<TS version="2.1">\n', "xml"),
        ("a.ts", b'<TS version="2.1" language="de">\n', "xml"),
        ("a.inc", b"<?php\nfunction f() {}\n", "php"),
        ("a.inc", b"#define X 1\n", "c"),
        ("a.inc", b"%macro push_all 0\n", "assembly"),
        ("a.inc", b'SRC_URI += "file://a"\n', "bitbake"),
        ("a.inc", b"whatever\n", None),
        ("a.cls", b"\\NeedsTeXFormat{LaTeX2e}\n\\ProvidesClass{book}\n", "latex"),
        ("a.cls", b"VERSION 1.0 CLASS\nBEGIN\n", "basic"),
        ("a.cls", b"public with sharing class Shelf {\n}\n", "apex"),
        ("a.r", b"x <- c(1, 2)\n", "r"),
        ("a.R", b"x <- c(1, 2)\n", "r"),
        ("a.r", b'REBOL [Title: "x"]\n', "rebol"),
        ("a.d", b"import std.stdio;\nvoid main() {}\n", "d"),
        ("a.d", b"out/a.o: a.c a.h \\\n  b.h\n", "make"),
        ("a.fs", b"module Tools\nlet twice x = 2 * x\n", "fsharp"),
        ("a.fs", b"#version 330\nvoid main() {}\n", "glsl"),
        ("a.pp", b"class web {\n  package { 'nginx': ensure => present }\n}\n", "puppet"),
        ("a.pp", b"unit Tools;\ninterface\n", "pascal"),
        ("a.l", b"(defun twice (x) (* 2 x))\n", "commonlisp"),
        ("a.l", b"%{\n#include <stdio.h>\n%}\n%%\n", "lex"),
        ("a.conf", b"[main]\nx = 1\n", "ini"),
        ("a.conf", b"http {\n  server {\n    listen 80;\n  }\n}\n", "nginx"),
        ("web.config", b"<configuration>\n</configuration>\n", "xml"),
        ("tool.1", b".TH TOOL 1\n.SH NAME\n", "roff"),
        ("tool.1", b"plain\n", None),
        ("version-1.2", b"#!/bin/sh\n", "bash"),
        ("a.h.in", b"#include <string>\n", "cpp"),
    ],
)
def test_the_text_decides_on_shared_extensions(path, head, name):
    assert detect(path, head) == name


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (b"#!/bin/sh", "bash"),
        (b"#! /bin/bash -e", "bash"),
        (b"#!/usr/bin/python3.11", "python"),
        (b"#!/usr/bin/env python3", "python"),
        (b"#!/usr/bin/env -S python3 -u", "python"),
        (b"#!/usr/bin/env -Spython3 -u", "python"),
        (b"#!/usr/bin/env -i LANG=C perl -w", "perl"),
        (b"#!/usr/bin/env -S uv run --script", "python"),
        (b"#!/opt/pypy3", "python"),
        (b"#!/usr/bin/env ruby2.7\r", "ruby"),
        (b"#!/usr/bin/env node", "javascript"),
        (b"#!/usr/bin/env -S deno run --allow-net", "typescript"),
        (b"#!/usr/bin/osascript -l JavaScript", "javascript"),
        (b"#!/usr/bin/osascript", "applescript"),
        (b"#!/usr/bin/env Rscript", "r"),
        (b"#!/usr/bin/make -f", "make"),
        (b"#!/bin/busybox sh", "bash"),
        (b"#!/usr/bin/env nix-shell\n#! nix-shell -i python3 -p python3", "python"),
        (b"\xef\xbb\xbf#!/bin/sh", "bash"),
        (b"#!/usr/bin/env", None),
        (b"#!", None),
        (b"#!/usr/bin/nothing-known", None),
        (b"# !/bin/sh", None),
    ],
)
def test_a_shebang_tells_the_language(line, name):
    assert detect("bin/run", line + b"\nx\n") == name


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"# -*- python -*-\n", "python"),
        (b"/* -*- Mode: C++; tab-width: 4 -*- */\n", "cpp"),
        (b"#!/opt/strange\n;; -*- coding: utf-8; mode: emacs-lisp -*-\n", "emacs-lisp"),
        (b"# vim: set ft=ruby :\n", "ruby"),
        (b"// vim: ts=4:ft=javascript\n", "javascript"),
        (b"one\ntwo\n" * 20 + b"# vim:filetype=sh\n", "bash"),
        (b"# -*- mode: no-such-thing -*-\n", None),
        (b"<?xml version='1.0'?>\n<a/>\n", "xml"),
        (b"\n<!DOCTYPE html>\n", "html"),
        (b"<?php echo 1;\n", "php"),
        (b"plain words\n", None),
        (b"", None),
    ],
)
def test_a_modeline_or_a_beginning_tells_the_language(head, name):
    assert detect("thing", head) == name
    assert detect("", head) == name


@given(
    name=st.text(st.characters(exclude_categories=[]), max_size=30),
    extension=st.sampled_from(["", *sorted(RULES)]),
    head=st.binary(max_size=300),
)
def test_any_name_and_any_bytes_give_a_known_language_or_none(name, extension, head):
    found = detect(name + extension, head)

    assert found is None or found in NAMES
    assert by_name(name + extension) in {None, found}


@pytest.mark.parametrize(
    "head",
    [
        b"a" * 100_000,
        b"(*" * 50_000,
        b"vim: " * 20_000,
        b"a(" * 50_000,
        b"/*" * 50_000,
        b"[ " * 50_000,
        b"\n" * 100_000,
        b" " * 100_000 + b"!",
        b"\t" * 100_000 + b"!",
        b", " * 50_000 + b"!",
        b"end" + b" " * 100_000 + b"!",
        b"a = b" + b" " * 100_000 + b"{",
        b"unit" + b" " * 100_000 + b"{",
        b"node " + b"a" * 100_000 + b"!",
        b"class " + b"a " * 50_000 + b"!",
        b"class\n" * 15_000,
        b"namespace" + b" " * 100_000 + b"!",
    ],
    ids=range(17),
)
@pytest.mark.timeout(20)  # linear, it is well below a second; what is quadratic takes minutes
def test_no_text_takes_the_rules_long(head):
    found = {detect(f"a{extension}", head) for extension in RULES}
    found |= {decide(extension, head) for extension in RULES}  # which looks at all that it is given

    assert found <= {None, *NAMES}
