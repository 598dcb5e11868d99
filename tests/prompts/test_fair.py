"""No lane waits for another: the source gives what the lane that is short needs."""

from __future__ import annotations

import pytest

from treadle.prompts.fair import FairItems
from treadle.prompts.items import Items
from treadle.prompts.prompt_files import Prompt
from treadle.prompts.settings import Settings
from treadle.prompts.table import open_table

MODELS = [("mock", "slow"), ("mock", "fast")]


@pytest.fixture
def items(tmp_path):
    table = tmp_path / "rows.csv"
    table.write_text("topic\n" + "".join(f"topic {n}\n" for n in range(50)))
    (tmp_path / "prompt.txt").write_text("Explain {{topic}}.")

    def made(**rest):
        prompt = Prompt(str(tmp_path / "prompt.txt"), root=tmp_path)
        lanes = Settings.load(environment={}).lanes()
        return Items(open_table(table), [prompt], lanes=lanes, models=MODELS, **rest)

    return made


def lane_of(name, model):
    return (name, model)


def test_a_lane_that_does_not_move_does_not_hold_up_the_other(items):
    fair = FairItems(items(), lane_of, [("mock", "slow"), ("mock", "fast")])
    came = []
    for ask in fair:
        fair.check_value(ask)
        came.append(ask.model)
        if ask.model == "fast":
            fair.ended(ask.key)

    assert came.index("slow") < 2
    # Fast ones never wait for more than one slow one before them.
    assert came[:52].count("fast") == 50
    assert sorted(came) == ["fast"] * 50 + ["slow"] * 50


@pytest.mark.parametrize("shuffle", [None, 7])
@pytest.mark.parametrize("lanes", [[], [("mock", "slow")], [("mock", "slow"), ("mock", "fast")]])
def test_all_requests_come_once_whatever_lanes_are_known(items, lanes, shuffle):
    plain = items(shuffle=shuffle)
    fair = FairItems(plain, lane_of, lanes)
    assert sorted(ask.key for ask in fair) == sorted(ask.key for ask in plain)
    assert len(fair) == 100


def test_a_request_is_known_from_its_reading_to_its_end(items):
    fair = FairItems(items(), lane_of, MODELS)
    ask = next(iter(fair))
    fair.check_value(ask)
    assert fair.asks == {ask.key: ask}
    assert fair.ended(ask.key) == ask
    assert fair.asks == {}
