"""How many CPUs there are to use, and that workers share them instead of each taking all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import treadle
from treadle.backends import cpus

SOURCE = Path(__file__).parents[2] / "src"
V2 = "/sys/fs/cgroup"
V1 = "/sys/fs/cgroup/cpu"
NAMES = cpus.THREAD_LIMITS


# --- how many there are --------------------------------------------------------------------------


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Pretend to be on another machine, with its CPUs and the files of its control groups."""

    def pretend(count, *, mask=None, files=(), beside=None):
        for path, text in dict(files).items():
            file = tmp_path / path.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)

        class There(type(tmp_path)):
            """A path of the other machine."""

            def _here(self):
                return tmp_path / str(self).lstrip("/")

            def read_text(self):
                return self._here().read_text()

            def exists(self):
                return self._here().exists()

        monkeypatch.setattr(cpus, "Path", There)
        monkeypatch.setattr(cpus.sys, "platform", "linux")
        monkeypatch.setattr(os, "cpu_count", lambda: count)
        monkeypatch.setattr(
            os, "sched_getaffinity", lambda _: set(range(mask or count or 1)), raising=False
        )
        if beside is None:
            monkeypatch.delenv(cpus.WORKERS_BESIDE, raising=False)
        else:
            monkeypatch.setenv(cpus.WORKERS_BESIDE, beside)
        return treadle.usable_cpus()

    return pretend


def test_without_limits_it_is_all_of_the_machine(machine):
    assert machine(64) == 64


def test_a_machine_that_does_not_know_has_one(machine):
    assert machine(None) == 1


def test_the_affinity_mask_counts(machine):
    assert machine(64, mask=6) == 6


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("max 100000\n", 64),
        ("400000 100000\n", 4),
        ("150000 100000\n", 2),
        ("50000 100000\n", 1),
        ("100 100000\n", 1),
        ("9900000 100000\n", 64),
    ],
)
def test_the_quota_of_the_control_group_counts_rounded_up(machine, limit, expected):
    files = {"/proc/self/cgroup": "0::/\n", f"{V2}/cpu.max": limit}
    assert machine(64, files=files) == expected


def test_the_quota_of_every_group_above_counts(machine):
    files = {
        "/proc/self/cgroup": "0::/user.slice/job\n",
        f"{V2}/user.slice/job/cpu.max": "800000 100000\n",
        f"{V2}/user.slice/cpu.max": "300000 100000\n",
    }
    assert machine(64, files=files) == 3
    assert machine(64, files=files, mask=2) == 2


def test_a_group_outside_of_the_namespace_is_looked_for_no_further(machine):
    files = {"/proc/self/cgroup": "0::/../../job\n", f"{V2}/cpu.max": "200000 100000\n"}
    assert machine(64, files=files) in (2, 64)


@pytest.mark.parametrize(("quota", "expected"), [("250000", 3), ("-1", 64), ("0", 64)])
def test_the_quota_of_the_older_kind_of_control_groups_counts(machine, quota, expected):
    files = {
        "/proc/self/cgroup": "4:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n",
        f"{V1}/cpu.cfs_quota_us": f"{quota}\n",
        f"{V1}/cpu.cfs_period_us": "100000\n",
    }
    assert machine(64, files=files) == expected


@pytest.mark.parametrize(
    "files",
    [
        {"/proc/self/cgroup": "", f"{V2}/cpu.max": "nonsense\n"},
        {"/proc/self/cgroup": "nonsense\n"},
        {"/proc/self/cgroup": "0::/\n", f"{V2}/cpu.max": ""},
        {"/proc/self/cgroup": "0::/\n", f"{V1}/cpu.cfs_quota_us": "x"},
    ],
    ids=str,
)
def test_files_that_say_something_else_are_no_limit(machine, files):
    assert machine(64, files=files) == 64


def test_elsewhere_there_are_no_control_groups(machine, monkeypatch):
    files = {"/proc/self/cgroup": "0::/\n", f"{V2}/cpu.max": "100000 100000\n"}
    assert machine(64, files=files) == 1
    monkeypatch.setattr(cpus.sys, "platform", "darwin")
    monkeypatch.delattr(os, "sched_getaffinity")
    assert treadle.usable_cpus() == 64


@pytest.mark.parametrize(
    ("beside", "expected"), [("4", 16), ("64", 1), ("100", 1), ("0", 64), ("", 64), ("x", 64)]
)
def test_inside_a_worker_it_is_the_workers_share(machine, beside, expected):
    assert machine(64, beside=beside) == expected


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system has no affinity masks")
def test_a_process_bound_to_one_cpu_has_one_and_so_has_its_pool():
    program = (
        "import os\n"
        "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "import treadle\n"
        "run = treadle.map(lambda _: len(os.sched_getaffinity(0)), range(3))\n"
        "print(treadle.usable_cpus(), run.stats.workers, *run.values())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("1 1 1 1 1\n", "")


# --- the share of a worker -----------------------------------------------------------------------


@pytest.mark.parametrize(("workers", "share"), [(1, "8"), (2, "4"), (3, "2"), (8, "1"), (50, "1")])
def test_each_library_is_held_to_the_workers_share(monkeypatch, workers, share):
    monkeypatch.setattr(cpus, "usable_cpus", lambda: 8)
    assert cpus.thread_limits(workers, {}) == dict.fromkeys(NAMES, share)


def test_what_the_user_has_set_stays(monkeypatch):
    monkeypatch.setattr(cpus, "usable_cpus", lambda: 8)
    limits = cpus.thread_limits(2, {"OMP_NUM_THREADS": "7", "POLARS_MAX_THREADS": ""})
    assert limits == {
        name: "4" for name in NAMES if name not in ("OMP_NUM_THREADS", "POLARS_MAX_THREADS")
    }


RECORDER = """
import os

AT_IMPORT = dict(os.environ)


def at_import(name):
    return AT_IMPORT.get(name)


def cpus(_):
    import treadle
    return treadle.usable_cpus()


def polars_threads(_):
    import polars
    return polars.thread_pool_size()
"""


@pytest.fixture
def recorder(tmp_path, monkeypatch):
    """Return a module that knows the environment in which it was imported."""
    name = f"recorder_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(RECORDER)
    monkeypatch.syspath_prepend(str(tmp_path))
    return __import__(name)


@pytest.fixture(params=["spawn", "forkserver"])
def options(request):
    return {"backend": "processes", "workers": 2, "start_method": request.param}


def test_when_a_workers_modules_are_imported_the_limits_are_there(recorder, options, monkeypatch):
    monkeypatch.setattr(cpus, "usable_cpus", lambda: 8)
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MKL_NUM_THREADS", "7")
    before = dict(os.environ)
    found = treadle.map(recorder.at_import, NAMES, **options).values()
    assert dict(zip(NAMES, found, strict=True)) == dict.fromkeys(NAMES, "4") | {
        "MKL_NUM_THREADS": "7"
    }
    assert dict(os.environ) == before


def test_each_pool_has_the_environment_of_its_time(recorder, options, monkeypatch):
    """
    Workers come from a process that lives longer than a pool; its environment is not theirs.
    """
    for value in ("3", "5"):
        monkeypatch.setenv("OMP_NUM_THREADS", value)
        found = treadle.map(recorder.at_import, ["OMP_NUM_THREADS"] * 4, **options).values()
        assert found == [value] * 4


def test_in_a_worker_the_usable_cpus_are_its_share(recorder, options):
    share = max(1, treadle.usable_cpus() // 2)
    assert treadle.map(recorder.cpus, range(4), **options).values() == [share] * 4


def test_polars_keeps_to_its_share(recorder, options, monkeypatch):
    pytest.importorskip("polars")
    monkeypatch.setattr(cpus, "usable_cpus", lambda: 6)
    monkeypatch.delenv("POLARS_MAX_THREADS", raising=False)
    assert treadle.map(recorder.polars_threads, range(2), **options).values() == [3, 3]
