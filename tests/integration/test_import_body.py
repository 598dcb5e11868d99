"""Parallel work from the body of a module that is still being imported, and late imports."""

from __future__ import annotations

import pytest

OTHER = """
def double(value):
    return 2 * value
"""

# What stands before CALLS is the module's body; it counts how often it runs.
BODY = """
from dataclasses import dataclass
from functools import partial

import treadle
from other import double

with open("bodies.txt", "a") as file:
    file.write("x")
    if file.tell() > 1:
        raise RuntimeError("the body runs again")

SHIFT = 100

@dataclass
class Point:
    x: int

    def plus(self, value):
        return self.x + value

def shift(value):
    return value + SHIFT

def shift_twice(value):
    return shift(shift(value))

def grow(point):
    return Point(point.x + 1)

def grow_all(points):
    return [Point(point.x + 1) for point in points]

"""

CASES = {
    "a function of this module": ("shift", "[1, 2]", "[101, 102]"),
    "one that calls another of this module": ("shift_twice", "[1, 2]", "[201, 202]"),
    "a function of another module": ("double", "[1, 2]", "[2, 4]"),
    "a lambda": ("lambda value: shift(value) + 1", "[1]", "[102]"),
    "a partial": ("partial(shift, 1)", "[]", "[]"),
    "a bound method": ("Point(1).plus", "[1, 2]", "[2, 3]"),
    "a class": ("Point", "[1]", "[Point(1)]"),
    "items of a class of this module": ("grow", "[Point(1)]", "[Point(2)]"),
    "such items in lists": ("grow_all", "[[Point(1)]]", "[[Point(2)]]"),
    "such items to a function of another module": ("double", "[(Point(1),)]", "[(Point(1),) * 2]"),
}
WAYS = {
    "map": "treadle.map({function}, {items}, workers=2).values()",
    "run": "list(treadle.run({function}, {items}, workers=2).values())",
    "Executor": "list(treadle.Executor(max_workers=2).map({function}, {items}))",
}


def import_body(programs, call: str, expected: str) -> None:
    programs.write("other.py", OTHER)
    programs.write("body.py", f"{BODY}FOUND = {call}\nEXPECTED = {expected}\n")
    code = "import body; print(body.FOUND == body.EXPECTED or body.FOUND)"
    done = programs.run("-c", code)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
    # A worker that imported the module would map in turn, in workers that would import it ...
    assert (programs.folder / "bodies.txt").read_text() == "x"


@pytest.mark.parametrize("case", CASES)
def test_a_module_maps_while_it_is_being_imported(programs, case):
    function, items, expected = CASES[case]
    import_body(programs, WAYS["map"].format(function=function, items=items), expected)


@pytest.mark.parametrize("way", ["run", "Executor"])
@pytest.mark.parametrize("case", ["a function of this module", "a function of another module"])
def test_so_do_the_other_ways_to_submit(programs, way, case):
    function, items, expected = CASES[case]
    import_body(programs, WAYS[way].format(function=function, items=items), expected)


def test_a_function_that_was_imported_inside_a_function(programs, start_method):
    programs.write("inner.py", OTHER)
    main = f"""
import treadle

def main():
    from inner import double

    return treadle.map(double, range(5), workers=2, start_method={start_method!r}).values()

print(main())
"""
    done = programs.run(programs.write("main.py", main))
    assert (done.returncode, done.stdout) == (0, "[0, 2, 4, 6, 8]\n"), done.stderr


LOADED_BY_PATH = """
import importlib.util, sys
import treadle

spec = importlib.util.spec_from_file_location("plugin", "hidden/plugin.py")
plugin = importlib.util.module_from_spec(spec)
sys.modules["plugin"] = plugin
spec.loader.exec_module(plugin)
print(treadle.map(plugin.double, range(3), workers=2).values())
"""


def test_a_function_that_no_worker_can_import_travels_by_value(programs):
    """
    Pickle takes it for importable, because the driver has its module; no worker would find it.
    """
    programs.write("hidden/plugin.py", OTHER)
    done = programs.run(programs.write("main.py", LOADED_BY_PATH))
    assert (done.returncode, done.stdout) == (0, "[0, 2, 4]\n"), done.stderr
