"""``treadle lab iv``, as it is typed."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import treadle
from treadle import lab
from treadle.lab.analysing import read_iv
from treadle.lab.cli import iv as command
from treadle.lab.cli.command import Command
from treadle.lab.places import ANALYSED
from treadle.lab.roots import roots

sys.path.insert(0, str(Path(__file__).parents[1]))
from rawtree import INLINE, NEW_YEAR, raw_file

QUICK = ("--backend", "inline")
SWEEP = tuple(each / 10 for each in (0, -1, -2, -3, -4, -3, -2, -1, 0, 1, 2, 3, 4, 3, 2, 1, 0))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("iv")
    raw_file(out / "raw" / "IV_1.csv", sweep=SWEEP)
    raw_file(out / "raw" / "IV_2.csv", sweep=SWEEP[:4], start=NEW_YEAR + 100)
    lab.stage(out / "raw", out / "stage", local_tz="UTC", **INLINE)
    lab.segment(out / "stage", out / "segment", **INLINE)
    return out


@pytest.fixture
def type_in():
    app = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command("iv", cls=Command, epilog=command.IV)(command.iv)
    app.command("other")(lambda: None)

    def typed(*arguments):
        found = CliRunner().invoke(app, ["iv", *map(str, arguments)], standalone_mode=False)
        if found.exception is not None:
            raise found.exception
        return found.return_value, found.stdout, found.stderr

    return typed


def test_a_copy_is_worked_on_by_itself_while_the_original_is_there(made, type_in, tmp_path):
    type_in(made, *QUICK)
    shutil.copytree(made, tmp_path / "copy")
    code, _, err = type_in(tmp_path / "copy", *QUICK)
    assert code == 0
    assert "0 new, 0 changed, 2 unchanged" in err
    found = roots(tmp_path / "copy")
    assert found.iv == tmp_path / "copy" / "iv"
    notes = json.loads((found.iv / ANALYSED).read_text())
    assert notes["segment_root"] == str(found.segment)
    assert (notes["beside"], notes["segment_beside"]) == ("../stage", "../segment")
    (found.iv / ANALYSED).write_text((made / "iv" / ANALYSED).read_text())
    assert roots(tmp_path / "copy").iv == found.iv, "before anything is done there"


def test_it_writes_beside_the_segments_and_sums_up(made, type_in):
    code, out, err = type_in(made, *QUICK, "--force")
    assert (code, out) == (0, "")
    assert "iv: 2 sweeps, 2 groups in " in err
    assert "0 sweeps rejected" in err
    assert "  1 sweep in part: 1 x no return segment\n" in err
    assert "  1 group without a resistance\n" in err
    assert f"  tables: {made / 'iv'}" in err
    assert read_iv(made).height == 2


def test_orders_and_csv_are_passed_on(made, type_in):
    code, out, err = type_in(made / "stage", *QUICK, "--orders", "1,3", "--csv", "--json")
    found = json.loads(out)
    assert (code, found["runs"], found["rejected"]) == (0, 2, 0)
    assert set(read_iv(made, "fits")["order"]) == {1, 3}
    assert (made / "iv" / "csv" / "IV" / "Demo1" / "2026-01-01" / "forward_vmax0p4V.csv").is_file()
    assert "hint: " in err
    assert str(made / "iv" / "csv") in err


def test_quiet_says_nothing(made, type_in):
    assert type_in(made, *QUICK, "-q", "--csv") == (0, "", "")


def test_rejected_sweeps_are_exit_code_1_and_none_is_3(made, tmp_path, type_in):
    raw_file(tmp_path / "raw" / "IV_1.csv", sweep=(0.0, 0.0, 0.0))
    lab.stage(tmp_path / "raw", tmp_path / "stage", local_tz="UTC", **INLINE)
    lab.segment(tmp_path / "stage", tmp_path / "segment", **INLINE)
    code, _, err = type_in(tmp_path, *QUICK)
    assert code == 1
    assert "no sweep" in err
    assert type_in(made, *QUICK, "-p", "IVg")[0] == 3


def test_what_cannot_be_used_is_refused(made, tmp_path, type_in):
    with pytest.raises(treadle.UsageError, match="--orders takes whole numbers, got 'a'"):
        type_in(made, *QUICK, "--orders", "a")
    raw_file(tmp_path / "raw" / "IV_1.csv")
    lab.stage(tmp_path / "raw", tmp_path / "stage", local_tz="UTC", **INLINE)
    with pytest.raises(treadle.UsageError, match="has no segments of") as error:
        type_in(tmp_path, *QUICK)
    assert "treadle lab segment" in error.value.hint
