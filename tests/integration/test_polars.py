"""A pool after the parent used Polars: a fork would wait for ever on locks of its threads."""

from __future__ import annotations

import json

import pytest


@pytest.mark.parametrize(
    ("start_method", "how"),
    [
        ("forkserver", "pools"),
        ("forkserver", "pool"),
        ("spawn", "pools"),
        pytest.param("spawn", "pool", marks=pytest.mark.chaos),
    ],
)
def test_a_second_stage_runs_after_polars_work_in_the_parent(programs, start_method, how):
    done = programs.run(programs.app("polars_stages.py"), start_method, how)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "merged": 2 * 20 * sum(range(50)),
        "segments": sum(sum(range(number)) for number in range(300)),
        "count": 300,
    }
