"""In a Jupyter kernel: what is defined in cells runs in workers, and prints into the cell."""

from __future__ import annotations

import json

import pytest

CELLS = {
    "imports": """
from dataclasses import dataclass
import treadle
method = {"start_method": {method!r}}
""",
    "definitions": """
SHIFT = 100

@dataclass
class Point:
    x: int

def shift(value):
    return value + SHIFT

def talk(value):
    print(f"worker says {value}")
    return value

def points(value):
    return Point(value.x + 1)
""",
    "function": "treadle.map(shift, [1, 2], workers=2, **method).values()",
    "lambda": "treadle.map(lambda x: shift(x) * 2, [1], workers=1, **method).values()",
    "class": "treadle.map(points, [Point(1)], workers=1, **method).values() == [Point(2)]",
    "print": "treadle.map(talk, [1, 2, 3], workers=2, **method).values()",
    "changed": "SHIFT = 1000",
    "function again": "treadle.map(shift, [1, 2], workers=2, **method).values()",
    "await": "[o.value async for o in treadle.amap(shift, [1], workers=1, **method)]",
    "run": "str(treadle.run(shift, [1, 2, 3], workers=2)).partition(' in ')[0]",
    "failure": "treadle.map(lambda x: 1 / x, [0], workers=1).failures()[0].failure.type",
    "pool": """
with treadle.Pool(workers=2) as pool:
    found = pool.map(shift, (o.value for o in pool.map(shift, [1])))
    print(found.values())
""",
}


@pytest.fixture
def cells(programs, start_method) -> dict:
    """Run the cells; return their outputs by name."""
    for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR"):
        programs.environ[name] = str(programs.folder / name.lower())
    programs.environ["JUPYTER_PLATFORM_DIRS"] = "1"
    sources = [source.replace("{method!r}", repr(start_method)) for source in CELLS.values()]
    done = programs.run(programs.app("notebook.py"), text=json.dumps(sources))
    assert done.returncode == 0, done.stderr
    return dict(zip(CELLS, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize(
    "start_method", ["forkserver", pytest.param("spawn", marks=pytest.mark.chaos)]
)
def test_cells_map_what_they_define(cells):
    """
    One kernel for all of it: starting one takes longer than all the rest.
    """
    assert cells["function"]["result"] == "[101, 102]"
    assert cells["lambda"]["result"] == "[202]"
    assert cells["class"]["result"] == "True"
    assert cells["function again"]["result"] == "[1001, 1002]"
    assert cells["await"]["result"] == "[1001]"
    assert cells["run"]["result"] == "'3 ok, 0 failed'"
    assert cells["failure"]["result"] == "'ZeroDivisionError'"
    assert cells["pool"]["stdout"] == "[2001]\n"
    assert sorted(cells["print"]["stdout"].split("\n")) == [
        "", "worker says 1", "worker says 2", "worker says 3",
    ]  # fmt: skip
    assert {name: cell["stderr"] for name, cell in cells.items() if cell["stderr"]} == {}
