"""The store of metrics: merged, never narrowed, and only what is new is found again."""

from __future__ import annotations

import json
import os
import shutil
import signal

import polars as pl
import pytest
from laboratory import TEN_LINES, peak, staged
from rawtree import INLINE, NEW_YEAR, ended, eventually, raw_file, start, tree

import treadle
from treadle import lab

BARE = ["run_id", "metric", "version", "status", "value", "reason", "fingerprint"]


@pytest.fixture
def stage(tmp_path):
    return staged(tmp_path)


def find(stage, out, *extractors, **options):
    """Find the metrics of *extractors* alone, in this process."""
    names = [each.name for each in extractors if not isinstance(each, str)]
    options = {"only": names, **INLINE, **options}
    return lab.metrics(stage, out, extractors=extractors, **options)


def bare(out) -> pl.DataFrame:
    return pl.read_parquet(out / "metrics.parquet").select(BARE)


def test_each_run_has_a_row_with_value_unit_and_what_it_is_of(stage, tmp_path):
    report = find(stage, tmp_path / "m", peak())
    rows = lab.read_metrics(tmp_path / "m")
    assert (report.runs, report.new, report.values, report.errors) == (6, 6, 6, 0)
    assert rows["chip_name"].to_list() == ["Demo1"] * 3 + ["Demo2"] * 3
    assert rows["value"].to_list() == pytest.approx([2e-7] * 6)
    first = rows.row(0, named=True)
    assert (first["unit"], first["uncertainty"], first["status"]) == ("A", 1e-9, "ok")
    assert first["start_time_utc"].timestamp() == NEW_YEAR + 36000


def test_a_second_time_nothing_is_done_and_no_byte_changes(stage, tmp_path):
    find(stage, tmp_path / "m", peak())
    before = tree(tmp_path / "m")
    report = find(stage, tmp_path / "m", peak())
    assert (report.new, report.changed, report.unchanged) == (0, 0, 6)
    assert report.run_id is None
    assert tree(tmp_path / "m") == before
    assert len(list((tmp_path / "m" / ".treadle" / "runs").glob("*/run.json"))) == 1


def test_a_subset_leaves_all_other_rows_as_they_are(stage, tmp_path):
    find(stage, tmp_path / "m", peak(), peak(name="other"))
    before = pl.read_parquet(tmp_path / "m" / "metrics.parquet")
    report = find(stage, tmp_path / "m", peak("2"), chips="2")
    after = pl.read_parquet(tmp_path / "m" / "metrics.parquet")
    assert (report.runs, report.changed) == (3, 3)
    rest = [name for name in before.columns if name != "current"]
    assert before.join(after, on=rest, how="anti", nulls_equal=True).is_empty()
    newer = after.filter(pl.col("version") == "2")
    assert set(newer["chip_name"]) == {"Demo2"}
    assert newer.height == 3


def test_any_order_of_subsets_ends_in_the_same_store(stage, tmp_path):
    find(stage, tmp_path / "all", peak(), peak(name="other"))
    for name, chips in (("other", "2"), ("peak", "1-2"), ("other", "1")):
        find(stage, tmp_path / "parts", peak(name=name), chips=chips)
    assert bare(tmp_path / "parts").equals(bare(tmp_path / "all"))


def test_only_what_has_a_new_version_is_found_again(stage, tmp_path):
    find(stage, tmp_path / "m", peak(), peak(name="other"))
    report = find(stage, tmp_path / "m", peak("10"), peak(name="other"))
    rows = pl.read_parquet(tmp_path / "m" / "metrics.parquet")
    assert report.changed == 6
    assert rows.filter(metric="peak").group_by("version").len().sort("version").rows() == [
        ("1", 6),
        ("10", 6),
    ]
    newest = lab.read_metrics(tmp_path / "m", metric="peak")
    assert newest["version"].to_list() == ["10"] * 6
    assert find(stage, tmp_path / "m", peak("9")).changed == 6  # whoever goes back gets that
    assert lab.read_metrics(tmp_path / "m", metric="peak")["version"].to_list() == ["9"] * 6
    assert find(stage, tmp_path / "m", peak("9")).unchanged == 6
    assert lab.read_metrics(tmp_path / "m", metric="peak", all_versions=True).height == 18


def test_a_run_that_is_added_is_the_only_one_that_is_looked_at(stage, tmp_path):
    find(stage, tmp_path / "m", peak())
    raw_file(tmp_path / "raw" / "more.csv", "IVg", chip=9, start=NEW_YEAR)
    lab.stage(tmp_path / "raw", stage, **INLINE)
    report = find(stage, tmp_path / "m", peak())
    assert (report.new, report.unchanged) == (1, 6)


def test_rows_of_a_run_that_is_gone_go_with_it(stage, tmp_path):
    find(stage, tmp_path / "m", peak())
    (tmp_path / "raw" / "IVg_10.csv").unlink()
    lab.stage(tmp_path / "raw", stage, prune=True, **INLINE)
    find(stage, tmp_path / "m", peak())
    assert lab.read_metrics(tmp_path / "m").height == 5


def test_force_finds_everything_again(stage, tmp_path):
    find(stage, tmp_path / "m", peak())
    assert find(stage, tmp_path / "m", peak(), force=True).changed == 6


def made(found, **declared):
    declared = {"metrics": {"a": "V", "b": "V"}, "procedures": {"IVg": ["I (A)"]}, **declared}
    return lab.extractor("made", version="1", category="electrical", **declared)(found)


@pytest.mark.parametrize(
    ("found", "status", "reason"),
    [
        (lambda run: {"a": 1.0, "b": lab.NotApplicable("dark run")}, "not_applicable", "dark run"),
        (lambda run: {"a": 1.0, "b": lab.Undetermined("no turn")}, "undetermined", "no turn"),
        (lambda run: {"a": 1.0, "b": float("nan")}, "error", "a metric must be a finite number"),
        (
            lambda run: {"a": 1.0, "b": lab.Value(1.0, details={"what": object})},
            "error",
            "is not JSON serializable",
        ),
    ],
    ids=["not-applicable", "undetermined", "nan", "details"],
)
def test_what_has_no_value_says_why_beside_what_has_one(stage, tmp_path, found, status, reason):
    find(stage, tmp_path / "m", made(found))
    rows = lab.read_metrics(tmp_path / "m")
    assert rows.filter(metric="a")["value"].to_list() == [1.0] * 6
    without = rows.filter(metric="b")
    assert without["status"].to_list() == [status] * 6
    assert without["value"].null_count() == 6
    assert all(reason in each for each in without["reason"])


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (lambda run: 1 / 0, "ZeroDivisionError: division by zero"),
        (lambda run: {"a": 1.0}, "returned a, and declares a, b"),
        (lambda run: 3.0, "returned 3.0, and declares a, b"),
    ],
    ids=["raises", "less", "one-for-two"],
)
def test_an_extractor_that_fails_costs_nobody_else_anything(stage, tmp_path, found, said):
    report = find(stage, tmp_path / "m", made(found), peak())
    rows = lab.read_metrics(tmp_path / "m")
    assert (report.errors, report.values) == (12, 6)
    assert all(said in each for each in rows.filter(status="error")["reason"])
    mended = find(stage, tmp_path / "m", made(lambda run: {"a": 1.0, "b": 2.0}), peak())
    assert (mended.errors, mended.values) == (0, 18)  # what failed is tried again the next time


def test_a_missing_column_is_no_failure_and_is_said(stage, tmp_path):
    report = find(stage, tmp_path / "m", made(lambda run: 1, procedures={"IVg": ["T (K)"]}))
    assert report.reasons == {"not_applicable": {"no numbers in 'T (K)'": 12}}


def test_a_pair_is_the_run_before_of_the_same_chip_and_follows_what_is_added(stage, tmp_path):
    @lab.extractor(
        "gap", version="1", category="stability", of="pair",
        metrics={"gap": "s"}, procedures={"IVg": ["I (A)"]},
    )  # fmt: skip
    def gap(earlier, later):
        return (later.facts["start_time_utc"] - earlier.facts["start_time_utc"]).total_seconds()

    find(stage, tmp_path / "m", gap)
    rows = lab.read_metrics(tmp_path / "m", chip=1)
    assert rows["value"].to_list() == [None, 3600.0, 3600.0]
    assert rows["reason"].to_list()[0] == "first of its chip and procedure"
    assert rows["runs"].to_list()[1] == rows["run_id"].to_list()[:2]
    raw_file(tmp_path / "raw" / "between.csv", "IVg", chip=1, start=NEW_YEAR + 36000 + 600)
    lab.stage(tmp_path / "raw", stage, **INLINE)
    report = find(stage, tmp_path / "m", gap)
    assert (report.new, report.changed, report.unchanged) == (1, 1, 5)
    assert lab.read_metrics(tmp_path / "m", chip=1)["value"].to_list() == [None, 600, 3000, 3600]


def test_a_group_belongs_to_its_last_run_and_moves_with_it(stage, tmp_path):
    @lab.extractor(
        "many", version="1", category="stability", of="group", group_by=["chip_name"],
        metrics={"many": ""}, procedures={"IVg": ["I (A)"]},
    )  # fmt: skip
    def many(runs):
        return float(len(runs))

    find(stage, tmp_path / "m", many)
    assert lab.read_metrics(tmp_path / "m")["value"].to_list() == [3.0, 3.0]
    raw_file(tmp_path / "raw" / "later.csv", "IVg", chip=2, start=NEW_YEAR + 1e6)
    lab.stage(tmp_path / "raw", stage, **INLINE)
    report = find(stage, tmp_path / "m", many)
    rows = lab.read_metrics(tmp_path / "m")
    assert report.new == 1
    assert rows.select("chip_name", "value").rows() == [("Demo1", 3.0), ("Demo2", 4.0)]


def test_a_subset_leaves_a_group_until_its_new_last_run_is_looked_at(stage, tmp_path):
    many = lab.extractor(
        "many", version="1", category="stability", of="group", group_by=["chip_name"],
        metrics={"many": ""}, procedures={"IVg": ["I (A)"]},
    )(lambda runs: float(len(runs)))  # fmt: skip
    find(stage, tmp_path / "m", many)
    raw_file(tmp_path / "raw" / "later.csv", "IVg", chip=2, start=NEW_YEAR + 1e6)
    lab.stage(tmp_path / "raw", stage, **INLINE)
    find(stage, tmp_path / "m", many, chips="1")
    assert lab.read_metrics(tmp_path / "m")["value"].to_list() == [3.0, 3.0]
    find(stage, tmp_path / "m", many)
    assert lab.read_metrics(tmp_path / "m")["value"].to_list() == [3.0, 4.0]


def test_the_metrics_of_another_stage_root_are_left_alone(stage, tmp_path):
    find(stage, tmp_path / "m", peak())
    before = tree(tmp_path / "m")
    other = staged(tmp_path / "other", chips=(5,), each=1)
    with pytest.raises(treadle.UsageError, match="those of another stage root"):
        find(other, tmp_path / "m", peak())
    assert tree(tmp_path / "m") == before


def test_a_copied_folder_is_a_laboratory_of_its_own(stage, tmp_path):
    find(stage, tmp_path / "metrics", peak())
    copy = tmp_path / "copy"
    for name in ("stage", "metrics"):
        shutil.copytree(tmp_path / name, copy / name)
    assert find(copy / "stage", copy / "metrics", peak()).unchanged == 6
    assert lab.read_metrics(copy).height == 6


def test_an_edited_file_counts_as_a_new_version_at_once(stage, tmp_path):
    mine = tmp_path / "mine_edited.py"
    for factor in ("1", "2"):
        mine.write_text(TEN_LINES.replace("return ", f"return {factor} * "))
        report = lab.metrics(stage, tmp_path / "m", extractors=[str(mine)], only="on_off", **INLINE)
        assert report.new + report.changed == 6
    first, second = lab.read_metrics(tmp_path / "m")["value"].to_list()[:2]
    assert first == second > 200


def test_a_chip_or_procedure_that_is_not_there_is_refused(stage, tmp_path):
    with pytest.raises(treadle.UsageError, match="no chip 'abc'"):
        find(stage, tmp_path / "m", peak(), chips="1,abc")
    with pytest.raises(treadle.UsageError, match="no run of a procedure 'IVG'") as refused:
        find(stage, tmp_path / "m", peak(), procedures="IVG")
    assert "IVg" in refused.value.hint


def test_an_extractor_that_fails_says_in_which_line_and_of_which_runs(stage, tmp_path):
    mine = tmp_path / "mine_fails.py"
    mine.write_text(TEN_LINES.replace("return ", "return 1 / 0 + "))
    report = lab.metrics(stage, tmp_path / "m", extractors=[str(mine)], only="on_off", **INLINE)
    [(reason, runs)] = report.failures.items()
    assert reason == "ZeroDivisionError: division by zero"
    assert runs[3:] == ["and 3 more"]
    assert "IVg_" in runs[0]
    assert f"{mine}:10, on_off" in lab.read_metrics(tmp_path / "m")["details"][0]


def test_a_user_adds_a_metric_in_a_file_of_ten_lines(stage, tmp_path):
    (tmp_path / "mine.py").write_text(TEN_LINES)
    report = lab.metrics(
        stage, tmp_path / "m", extractors=[str(tmp_path / "mine.py")], only="on_off", workers=2
    )
    assert report.metrics == {"on_off_ratio": {"ok": 6}}
    assert lab.read_metrics(tmp_path / "m")["value"].min() > 100


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"metrics": {"a": "Volt"}}, "'Volt' is no unit"),
        ({"metrics": {"A b": "V"}}, "'A b' cannot be the name"),
        ({"category": "odd"}, "there is no category 'odd'"),
        ({"of": "group"}, "cannot be of='group'"),
        ({"procedures": {}}, "declares no metrics, no procedures"),
    ],
    ids=["unit", "name", "category", "group", "procedures"],
)
def test_a_declaration_that_cannot_be_used_is_refused_at_once(declared, said):
    usual = {"metrics": {"a": "V"}, "procedures": {"IVg": []}, "category": "electrical"}
    with pytest.raises(treadle.UsageError, match=said):
        lab.extractor("mine", version="1", **{**usual, **declared})


def test_two_that_find_the_same_metric_are_refused(stage, tmp_path):
    twice = lab.extractor(
        "cnp", version="1", category="electrical",
        metrics={"cnp_voltage": "V"}, procedures={"IVg": ["I (A)"]},
    )(lambda run: 1.0)  # fmt: skip
    with pytest.raises(treadle.UsageError, match="'cnp_voltage' of IVg is found by"):
        lab.metrics(stage, tmp_path / "m", extractors=[twice], **INLINE)


def test_a_metric_that_is_not_there_is_refused_with_the_nearest(stage, tmp_path):
    with pytest.raises(treadle.UsageError, match="no metric 'cnp_voltag'") as refused:
        lab.metrics(stage, tmp_path / "m", only="cnp_voltag", **INLINE)
    assert "cnp_voltage" in refused.value.hint


CRASHES = """\
import json
import os
import sys

from treadle import lab


@lab.extractor(
    "fatal", version="1", category="electrical", metrics={"fatal": ""}, procedures={"IVg": []}
)
def fatal(run):
    if run.facts["chip_number"] == 2 and os.path.exists(sys.argv[0] and __file__ + ".armed"):
        os._exit(7)
    return 1.0
"""


def test_a_worker_that_dies_costs_its_run_alone_which_is_tried_again(stage, tmp_path):
    mine = tmp_path / "fatal_one.py"
    mine.write_text(CRASHES)
    armed = tmp_path / "fatal_one.py.armed"
    armed.touch()
    ran = {"extractors": [str(mine)], "only": "fatal", "workers": 2}
    report = lab.metrics(stage, tmp_path / "m", **ran)
    rows = lab.read_metrics(tmp_path / "m")
    assert len(report.failed) == 3
    assert rows.filter(chip_number=1)["status"].to_list() == ["ok"] * 3
    assert rows.filter(chip_number=2)["status"].to_list() == ["error"] * 3
    assert all("worker" in reason for reason in rows.filter(chip_number=2)["reason"])
    armed.unlink()
    assert lab.metrics(stage, tmp_path / "m", **ran).changed == 3
    assert lab.read_metrics(tmp_path / "m")["status"].to_list() == ["ok"] * 6


WAITS = """\
import json
import os
import pathlib
import time

from treadle import lab

HERE = pathlib.Path(__file__).parent


@lab.extractor(
    "slow", version="1", category="electrical", metrics={"slow": ""}, procedures={"IVg": []}
)
def slow(run):
    (HERE / f"{run.run_id}.{os.getpid()}").touch()
    while run.facts["chip_number"] == 2 and not (HERE / "go").exists():
        time.sleep(0.01)
    return 1.0
"""


def test_what_a_killed_session_has_found_is_not_found_again(stage, tmp_path):
    mine = tmp_path / "calls" / "slow_one.py"
    mine.parent.mkdir()
    mine.write_text(WAITS)
    typed = ("metrics", stage, tmp_path / "m", "--extractor", mine, "--only", "slow", "-w", 2)
    process = start(*typed, "--progress", "none")

    def settled():
        runs = treadle.runs(tmp_path / "m" / ".treadle" / "runs")
        counts = [run.ok for run in runs]
        for run in runs:
            run.close()
        return counts == [3]

    assert eventually(settled), process.poll()
    os.killpg(process.pid, signal.SIGKILL)
    ended(process)
    first = {path.name.partition(".")[0] for path in mine.parent.glob("*.*[0-9]")}
    (mine.parent / "go").touch()
    code, _, err = ended(start(*typed, "--progress", "none"))
    assert code == 0, err
    assert lab.read_metrics(tmp_path / "m")["status"].to_list() == ["ok"] * 6
    calls = [path.name.partition(".")[0] for path in mine.parent.glob("*.*[0-9]")]
    done = set(lab.read_metrics(tmp_path / "m", chip=1)["run_id"])
    assert done <= first
    assert all(calls.count(run) == 1 for run in done)


def test_it_is_the_same_from_another_working_directory(stage, tmp_path, monkeypatch):
    shutil.copytree(stage, tmp_path / "moved" / "stage")
    monkeypatch.chdir("/")
    report = find(tmp_path / "moved" / "stage", tmp_path / "moved" / "m", peak())
    assert report.values == 6


def test_metrics_that_come_and_go_with_an_extractor_come_and_go_in_the_store(stage, tmp_path):
    def of(version, *metrics):
        declared = {"metrics": dict.fromkeys(metrics, "V"), "procedures": {"IVg": []}}
        found = lab.extractor("made", version=version, category="electrical", **declared)
        return found(lambda run: dict.fromkeys(metrics, 1.0))

    find(stage, tmp_path / "m", of("1", "a", "b"))
    assert find(stage, tmp_path / "m", of("1", "a", "c")).changed == 6  # its version should grow
    assert set(lab.read_metrics(tmp_path / "m")["metric"]) == {"a", "c"}
    assert find(stage, tmp_path / "m", of("2", "a")).changed == 6
    assert set(lab.read_metrics(tmp_path / "m")["metric"]) == {"a"}
    assert find(stage, tmp_path / "m", of("2", "a")).unchanged == 6


def test_a_metric_that_another_extractor_finds_now_is_there_once(stage, tmp_path):
    find(stage, tmp_path / "m", made(lambda run: {"a": 1.0, "b": 1.0}))
    renamed = lab.extractor(
        "renamed", version="1", category="electrical",
        metrics={"a": "V", "b": "V"}, procedures={"IVg": ["I (A)"]},
    )(lambda run: {"a": 2.0, "b": 2.0})  # fmt: skip
    find(stage, tmp_path / "m", renamed)
    assert lab.read_metrics(tmp_path / "m", metric="a")["value"].to_list() == [2.0] * 6


def test_an_extractor_sees_every_number_of_the_manifest_and_the_chip_if_it_asks(stage, tmp_path):
    (tmp_path / "chips.yml").write_text(CHIPS)
    seen = lab.extractor(
        "seen", version="1", category="electrical",
        metrics={"a": "V", "b": ""}, procedures={"IVg": []},
    )(lambda run: {"a": run.number("vg_start_v"), "b": float(run.chip is None)})  # fmt: skip
    find(stage, tmp_path / "m", seen, chip_file=tmp_path / "chips.yml")
    rows = lab.read_metrics(tmp_path / "m")
    assert rows.filter(metric="a")["value"].to_list() == [-0.2] * 6
    assert rows.filter(metric="b")["value"].to_list() == [1.0] * 6


def test_groups_are_made_by_any_column_and_by_no_other(stage, tmp_path):
    def by(column):
        return lab.extractor(
            "many", version="1", category="stability", of="group", group_by=[column],
            metrics={"many": ""}, procedures={"IVg": []},
        )(lambda runs: float(len(runs)))  # fmt: skip

    find(stage, tmp_path / "m", by("vg_step_v"))
    assert lab.read_metrics(tmp_path / "m")["value"].to_list() == [6.0]
    with pytest.raises(treadle.UsageError, match="groups by 'vg_stepp'"):
        find(stage, tmp_path / "m", by("vg_stepp"))


CHIPS = "chips:\n  1: {material: hBN, top_hBN_nm: 20, bottom_dielectric_nm: 30}\n"


def test_the_chip_file_is_remembered_and_only_a_changed_entry_counts(stage, tmp_path):
    thick = lab.extractor(
        "thick", version="1", category="structural", needs_chip=True,
        metrics={"capacitance": "F/m^2"}, procedures={"IVg": []},
    )(lambda run: run.chip.capacitance())  # fmt: skip
    without = find(stage, tmp_path / "m", peak(), thick, only=())
    assert "no_configuration" in without.reasons
    (tmp_path / "mine.yml").write_text(CHIPS)
    first = find(stage, tmp_path / "m", thick, chip_file=tmp_path / "mine.yml")
    assert first.reasons == {"no_configuration": {"chip not in the chip file": 3}}
    (tmp_path / "mine.yml").unlink()
    again = find(stage, tmp_path / "m", thick)
    assert (again.unchanged, again.values) == (6, 3)
    (tmp_path / "mine.yml").write_text(CHIPS + CHIPS.splitlines()[1].replace("1:", "2:") + "\n")
    more = find(stage, tmp_path / "m", thick, chip_file=tmp_path / "mine.yml")
    assert (more.changed, more.unchanged, more.values) == (3, 3, 6)


def test_what_needs_a_chip_file_and_was_asked_for_by_name_is_refused_without(stage, tmp_path):
    with pytest.raises(treadle.UsageError, match="there is no chip file") as refused:
        lab.metrics(stage, tmp_path / "m", only="mobility_fe_holes", **INLINE)
    assert "--chip-file" in refused.value.hint


def test_what_fails_when_it_is_found_again_is_said_and_not_covered_by_what_was(stage, tmp_path):
    find(stage, tmp_path / "m", made(lambda run: {"a": 1.0, "b": 1.0}))
    report = find(stage, tmp_path / "m", made(lambda run: 1 / 0), force=True)
    assert (report.errors, report.values) == (12, 0)
    assert set(lab.read_metrics(tmp_path / "m")["status"]) == {"error"}


def test_a_store_of_another_form_is_refused_with_a_way_out(stage, tmp_path):
    find(stage, tmp_path / "m", peak())
    path = tmp_path / "m" / "metrics.parquet"
    pl.read_parquet(path).drop("fingerprint").write_parquet(path)
    with pytest.raises(treadle.UsageError, match="lacks the column 'fingerprint'") as refused:
        find(stage, tmp_path / "m", peak())
    assert "move the file away" in refused.value.hint
    path.unlink()
    assert find(stage, tmp_path / "m", peak()).values == 6


def test_a_damaged_run_fails_alone_and_its_neighbour_says_why_it_has_no_pair(stage, tmp_path):
    gap = lab.extractor(
        "gap", version="1", category="stability", of="pair",
        metrics={"gap": "A"}, procedures={"IVg": ["I (A)"]},
    )(lambda earlier, later: later.column("I (A)")[0] - earlier.column("I (A)")[0])  # fmt: skip
    listed = lab.manifest(stage, chip="1")
    (stage / listed["path"][1]).write_bytes(b"PAR1 torn")
    report = find(stage, tmp_path / "m", gap, peak())
    assert [each.source for each in report.failed] == [listed["run_id"][1]]
    rows = lab.read_metrics(tmp_path / "m", chip="1", metric="gap")
    assert rows["status"].to_list() == ["not_applicable", "error", "undetermined"]
    assert rows["reason"].to_list()[2] == "the run before cannot be read"
    assert lab.read_metrics(tmp_path / "m", metric="peak", status="ok").height == 5


def test_what_extractors_print_does_not_get_into_what_programs_read(stage, tmp_path):
    mine = tmp_path / "mine_prints.py"
    mine.write_text(
        "print('imported')\n" + TEN_LINES.replace("    return", "    print('found')\n    return")
    )
    typed = ("metrics", stage, tmp_path / "m", "--extractor", mine, "--only", "on_off", "--json")
    code, out, err = ended(start(*typed, "-w", "1"))
    assert code == 0, err
    assert json.loads(out)["metrics"] == {"on_off_ratio": {"ok": 6}}
    assert "found" in err
