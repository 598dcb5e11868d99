"""The plan: what a run would do and cost, and all that is wrong, before anything is sent."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.prompts.estimates import Estimates
from treadle.prompts.items import Items
from treadle.prompts.planning import plan
from treadle.prompts.prices import Prices
from treadle.prompts.prompt_files import Prompt
from treadle.prompts.table import open_table
from treadle.prompts.values import LaneSettings, Secret
from treadle.prompts.where import compiled

KEY = Secret("sk-secret")
LANES = {
    "mock": LaneSettings(name="mock", provider="mock"),
    "openai": LaneSettings(
        name="openai", provider="openai", key=KEY, key_env="OPENAI_API_KEY", rpm=2.0
    ),
    "keyless": LaneSettings(name="keyless", provider="openai", key_env="OPENAI_API_KEY"),
    "shared": LaneSettings(name="shared", provider="openai", key=KEY, rpm=1.0, shared=True),
    "wide": LaneSettings(name="wide", provider="openai", key=KEY, tpm=100.0, concurrency=1000),
}
OWN = {
    "dear": {"input": 1000, "output": 2000, "window": 100},
    "free": 0,
}


@pytest.fixture
def made(tmp_path):
    """Return a function that plans a table of these lines."""

    def make(*lines, text="About {{topic}}.", lanes=LANES, limits=None, name="t.csv", **options):
        (tmp_path / name).write_text("".join(f"{line}\n" for line in lines))
        (tmp_path / "prompt.txt").write_text(text)
        items = Items(
            open_table(tmp_path / name),
            [Prompt("prompt.txt", root=tmp_path)],
            lanes=lanes,
            **options,
        )
        return plan(
            items,
            lanes=lanes,
            prices=Prices.load(OWN),
            estimates=Estimates(),
            **(limits or {}),
        )

    return make


HEADER = "provider,model,topic"


def test_a_sound_experiment_has_figures_and_nothing_else(made):
    found = made(HEADER, "mock,m1,tides", "mock,m1,moons", "openai,free,tides", repeats=2)

    assert (found.rows, found.items) == (3, 6)
    assert [(share.lane, share.model, share.items) for share in found.shares] == [
        ("mock", "m1", 4),
        ("openai", "free", 2),
    ]
    assert found.problems == found.warnings == ()
    assert found.cost == found.cost_most == 0


def test_tokens_and_money_are_added_up(made):
    """A prompt of 12 bytes is 3 tokens by 4 bytes each, and at most 12 and what frames it."""
    found = made(HEADER, "openai,dear,tides", "openai,dear,moons", params={"max_tokens": 10})

    (share,) = found.shares
    assert (share.tokens_in, share.tokens_out) == (2 * 3, 2 * 10)
    assert found.cost == share.cost == Decimal("0.046")  # 6 at 1000 and 20 at 2000 per million
    assert found.cost_most == share.cost_most
    assert share.cost_most > share.cost


def test_what_no_limit_is_known_of_may_cost_anything(made):
    (share,) = made(HEADER, "openai,dear,tides").shares

    assert share.cost is not None
    assert share.cost_most is None


def test_a_model_without_a_price_is_named_and_never_free(made):
    found = made(HEADER, "openai,unheard-of,tides", "mock,m1,tides")

    assert found.shares[0].cost is None
    assert found.cost is None
    assert "no price is known of openai/unheard-of: costs are left out" in found.warnings


@pytest.mark.parametrize(
    ("lines", "minutes"),
    [
        (["mock,m1,tides"] * 100, 0),
        (["openai,free,tides"] * 100, 50),  # 2 a minute
        (["openai,free,tides"] * 50 + ["openai,dear,tides"] * 100, 50),  # side by side
        (["shared,free,tides"] * 50 + ["shared,dear,tides"] * 100, 150),  # one after another
        (["wide,free,tides"] * 100, (300 + 3) * 100 / 100),  # 100 tokens a minute
    ],
)
def test_time_is_that_of_the_tightest_limit(made, lines, minutes):
    assert made(HEADER, *lines).minutes == minutes


def test_a_missing_variable_stops_a_run_unless_it_may_be_missing(made):
    lines = ['{"topic": "a"}', *['{"topic": "b", "x": 1}'] * 2, *['{"topic": "c"}'] * 7]
    options = {"text": "{{x}} {{topic}}", "name": "t.jsonl", "models": [("mock", "m1")]}
    text = "8 rows (1, 4, 5, 6, 7, ...) have no 'x', which a prompt needs"

    strict = made(*lines, repeats=3, **options)
    lenient = made(*lines, repeats=3, missing="warn", **options)

    (lack,) = strict.missing
    assert (lack.name, lack.rows, lack.first) == ("x", 8, (1, 4, 5, 6, 7))
    assert strict.problems == (text,)
    assert strict.bad_rows == 0
    assert lenient.problems == ()
    assert text in lenient.warnings


def test_bad_rows_are_counted_and_the_first_are_explained(made):
    found = made(HEADER, "mock,m1,tides", *["mock,m1"] * 30, "opnai,m1,moons", repeats=2)

    assert found.problems == ()
    assert found.bad_rows == 31
    assert list(found.bad_examples) == list(range(2, 22))
    assert found.bad_examples[2].startswith("row 2 has 2 cells")
    assert found.unknown_lanes == ("opnai",)
    (warning,) = (text for text in found.warnings if "cannot be sent" in text)
    reasons = ", ".join(found.bad_examples[row] for row in (2, 3, 4))
    told = "31 rows cannot be sent and will be errors in the results"
    assert warning == f"{told}: {reasons}, ..."


def test_a_run_of_nothing_but_bad_rows_is_stopped(made):
    (problem,) = made(HEADER, "mock,m1").problems
    assert problem.startswith("none of the rows can be sent; the first: row 1 has 2 cells")


def test_a_run_of_no_rows_says_so_and_is_no_problem(made):
    found = made(HEADER, "mock,m1,tides", where=compiled(["topic=moons"]))

    assert found.problems == ()
    assert found.warnings == ("no row takes part: none fits --where",)
    assert found.lines() == ["0 rows, 0 requests", "", f"warning: {found.warnings[0]}"]


def test_what_has_ended_already_costs_nothing_more(made):
    """And the limits judge only what is left."""
    lines = [HEADER, "openai,dear,tides", "openai,unheard-of,moons", "keyless,free,stars"]
    keys, params = [], {"max_tokens": 10}

    class NotYet:
        def __contains__(self, key):
            keys.append(key)
            return False

    limits = {"max_cost": Decimal(1), "done": NotYet()}
    assert made(*lines, params=params, limits=limits).problems != ()

    found = made(*lines, params=params, limits={**limits, "done": keys[1:]})

    assert (found.items, found.answered) == (3, 2)
    assert [share.model for share in found.shares] == ["dear"]
    assert found.problems == found.warnings == ()
    assert found.lines()[0] == "3 rows, 3 requests, 2 of them answered already"
    assert found.as_json()["answered"] == 2


@pytest.mark.parametrize("header", [HEADER, f"id,{HEADER}"])
def test_requests_that_are_the_same_are_counted(made, header):
    topics = ["tides", "moons", "tides", "tides"]
    ids = [f"{number}," if header != HEADER else "" for number in range(4)]

    found = made(header, *(f"{i}mock,m1,{t}" for i, t in zip(ids, topics, strict=True)))

    assert found.duplicates == 2
    assert found.warnings == ("2 requests are exactly the same as an earlier one; all are sent",)


def test_a_missing_key_stops_a_run_only_when_nobody_else_can_be_asked(made):
    text = "the lane 'keyless' needs a key: set OPENAI_API_KEY in the environment or in .env"

    alone = made(HEADER, "keyless,free,tides")
    beside = made(HEADER, "keyless,free,tides", "mock,m1,tides")

    assert alone.keyless == beside.keyless == {"keyless": "OPENAI_API_KEY"}
    assert (alone.problems, alone.warnings) == ((text,), ())
    assert (beside.problems, beside.warnings) == ((), (text,))


def test_a_prompt_longer_than_the_window_is_said(made):
    found = made(HEADER, "openai,dear,tides", f"openai,dear,{'long ' * 100}")

    assert found.shares[0].too_long == 1
    assert (
        "1 of 2 requests to 'dear' are probably longer than its 100 tokens, first in row 2"
        in found.warnings
    )


def test_a_limit_that_cannot_hold_is_a_problem(made):
    unknown = made(HEADER, "openai,unheard-of,tides", limits={"max_cost": Decimal(1)})
    small = made(
        HEADER, "openai,dear,tides", params={"max_tokens": 10}, limits={"max_tokens_total": 5}
    )

    assert "what 'unheard-of' of the lane 'openai' costs is not known" in unknown.problems[0]
    assert "but --max-tokens-total is 5" in small.problems[0]


def test_more_money_than_allowed_is_a_warning(made):
    lines = ["openai,dear,tides"] * 100

    found = made(HEADER, *lines, params={"max_tokens": 10}, limits={"max_cost": Decimal(1)})

    assert found.problems == ()
    assert "about $2.30 is expected, so --max-cost 1 ends the run before" in found.warnings


def test_what_was_spent_leaves_less_to_spend(made):
    lines = ["openai,dear,tides"] * 100

    def warned(spent):
        found = made(
            HEADER,
            *lines,
            params={"max_tokens": 10},
            limits={"max_cost": Decimal(3), "spent": Decimal(spent)},
        )
        return [text for text in found.warnings if "expected" in text]

    assert warned("0.70") == []
    assert warned("0.71") == [
        "about $2.30 is expected and $0.71 was spent, so --max-cost 3 ends the run before"
    ]


def test_only_what_the_provider_obeys_limits_an_answer(made):
    """A server that speaks as OpenAI's does knows no ``num_predict``."""
    (share,) = made(HEADER, "openai,dear,tides", params={"num_predict": 10}).shares
    assert share.cost_most is None


def test_rows_that_were_errors_before_have_ended_too(made):
    lines = [HEADER, "mock,m1,tides", "nobody,m1,moons"]
    keys = []

    class NotYet:
        def __contains__(self, key):
            keys.append(key)
            return False

    made(*lines, limits={"done": NotYet()})
    found = made(*lines, limits={"done": keys})
    assert (found.items, found.answered, found.bad_rows) == (2, 2, 1)
    assert found.lanes == ("mock",)


@given(width=st.integers(40, 120))
def test_it_can_be_printed_and_stored(tmp_path_factory, width):
    folder = tmp_path_factory.mktemp("plan")
    lines = [HEADER, "openai,dear,tides", "openai,unheard-of,moons", "mock,m1", "x,y,z"]
    (folder / "t.csv").write_text("\n".join(lines))
    (folder / "p.txt").write_text("About {{topic}} and {{more}}")
    items = Items(
        open_table(folder / "t.csv"),
        [Prompt("p.txt", root=folder)],
        lanes=LANES,
        missing="warn",
    )

    found = plan(items, lanes=LANES, prices=Prices.load(OWN), estimates=Estimates())

    stored = json.loads(json.dumps(found.as_json()))
    assert stored["items"] == 4
    assert Decimal(stored["shares"][0]["cost"]) == found.shares[0].cost
    assert stored["cost"] is None
    assert stored["bad_examples"]["3"].startswith("row 3 has 2 cells")
    text = found.lines(width)
    assert text[0] == "4 rows, 4 requests"
    words = [
        line for line in text if "openai/" not in line and not line.startswith(("all", "lane"))
    ]
    assert max(map(len, words)) <= width
    assert any("there is no lane 'x'" in line for line in text)
