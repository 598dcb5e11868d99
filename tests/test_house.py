"""The house stays as it was drawn: layers, names, public words, documents that tell the truth."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import treadle

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "treadle"
MODULES = sorted(PACKAGE.rglob("*.py"))
EMPTY_NAMES = {"common", "helper", "helpers", "manager", "managers", "misc", "util", "utils"}


def name_of(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


@pytest.fixture(scope="module")
def modules() -> dict[str, ast.Module]:
    """All modules, by name."""
    return {
        name_of(path): ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
        for path in MODULES
    }


def imports(tree: ast.Module) -> set[str]:
    """Return the full names of all that a module imports, late imports included."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"imports are absolute, not {ast.unparse(node)}"
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


# --- modules -------------------------------------------------------------------------------------


def test_every_module_opens_by_saying_its_one_job(modules):
    silent = [name for name, tree in modules.items() if not (ast.get_docstring(tree) or "").strip()]
    assert silent == []


def test_nothing_sleeps_and_nothing_forces_a_collection(modules):
    """
    A sleep hides a race and a collection hides a leak; neither ever cured a frozen pool.
    """
    cures = {"time.sleep", "gc.collect"}
    assert [name for name, tree in modules.items() if (imports(tree) | calls(tree)) & cures] == []


def calls(tree: ast.Module) -> set[str]:
    """Return what a module calls, as it is written where that is a name in a module."""
    return {
        f"{node.func.value.id}.{node.func.attr}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
    }


def test_every_module_is_named_for_what_it_does():
    words = {
        name_of(path): {part.removesuffix(".py").strip("_") for part in Path(name_of(path)).parts}
        for path in MODULES
    }
    assert len(words) > 100
    assert [name for name, parts in words.items() if parts & EMPTY_NAMES] == []


# --- layers --------------------------------------------------------------------------------------


def test_layers_point_down_and_equals_do_not_know_each_other():
    """
    The contract stands in pyproject.toml; a package that it does not name breaks it, too.
    """
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_layer_below_the_command_goes_through_the_front_door(modules):
    """
    The linter does not see `import treadle` from a lower layer, which would be a cycle.
    """
    front_door = {"treadle"} | {f"treadle.{name}" for name in treadle.__all__}
    above = {"__init__.py", "cli", "code", "lab", "prompts", "tui"}
    below = {name: tree for name, tree in modules.items() if Path(name).parts[0] not in above}
    assert [name for name, tree in below.items() if imports(tree) & front_door] == []


# --- the public names ----------------------------------------------------------------------------


def test_every_public_name_exists():
    assert [name for name in treadle.__all__ if not hasattr(treadle, name)] == []
    assert len(set(treadle.__all__)) == len(treadle.__all__)


def test_the_reference_lists_exactly_what_is_public():
    """
    A name is public if, and only if, docs/reference.md has a line for it.
    """
    reference = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    documented = re.findall(r"^- `treadle\.(\w+)", reference, re.MULTILINE)
    assert sorted(documented) == sorted(treadle.__all__)


def test_importing_treadle_loads_no_library_but_cloudpickle():
    """
    What is heavy is imported late, by the part that needs it: rich, typer, psutil, pyarrow.
    """
    loaded = python(
        "import sys, json; before = set(sys.modules); import treadle;"
        "print(json.dumps(sorted({m.partition('.')[0] for m in set(sys.modules) - before})))"
    )
    ours = set(json.loads(loaded)) - set(sys.stdlib_module_names)
    assert ours <= {"treadle", "cloudpickle"}


def python(code: str) -> str:
    """Run *code* in a fresh interpreter and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    return done.stdout


def test_the_version_is_the_one_that_is_packaged():
    packaged = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert treadle.__version__ == packaged["project"]["version"]


# --- the documents -------------------------------------------------------------------------------


def blocks() -> list:
    """Return the Python blocks of the README and the docs, each as a test parameter."""
    found = []
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        if path.name == "code.md":  # its blocks build on each other: tests/code/test_docs.py
            continue
        text = path.read_text(encoding="utf-8")
        for match in re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            line = text.count("\n", 0, match.start()) + 1
            found.append(pytest.param(match[1], id=f"{path.name}:{line}"))
    return found


@pytest.mark.parametrize("code", blocks())
def test_the_python_in_the_documents_runs(code, tmp_path):
    """
    Each block is a script of its own, run beside a copy of the examples, warnings being errors.
    """
    script = tmp_path / "block.py"
    script.write_text(code, encoding="utf-8")
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path[1:])},
        capture_output=True,
        text=True,
        check=False,
        timeout=45,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_links_between_the_documents_lead_somewhere():
    broken = []
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *ROOT.glob("examples/*.md")]:
        text = path.read_text(encoding="utf-8")
        for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text):
            if not (path.parent / target).exists():
                broken.append(f"{path.name}: {target}")
    assert broken == []


def test_the_documents_name_every_exit_code():
    text = (ROOT / "docs" / "errors-and-exit-codes.md").read_text(encoding="utf-8")
    from treadle.cli.exits import Exit

    documented = re.findall(r"^\| (\d+) \| `(\w+)`", text, re.MULTILINE)
    assert documented == [(str(code.value), code.name) for code in Exit]
