"""Requests of an experiment: each combination once, and a key that names exactly what is sent."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

import treadle
from treadle.prompts.items import Items
from treadle.prompts.output_paths import OutputPath
from treadle.prompts.prompt_files import Prompt
from treadle.prompts.table import open_table
from treadle.prompts.values import LaneSettings, Message
from treadle.prompts.where import compiled

LANES = {name: LaneSettings(name=name, provider="mock") for name in ("mock", "openai", "other")}


class Experiment:
    """A folder with a table and a prompt, for making items of them."""

    def __init__(self, folder):
        self.folder = folder
        self.prompt("About {{topic}}.")
        self.rows("tides", "moons")

    def rows(self, *topics):
        lines = [f"mock,m1,{topic}" for topic in topics]
        return self.table("provider,model,topic", *lines)

    def table(self, *lines, name="table.csv"):
        self.file = self.folder / name
        self.file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return self

    def prompt(self, text, name="prompt.txt"):
        (self.folder / name).write_text(text, encoding="utf-8")
        return self

    def items(self, *, prompts=("prompt.txt",), lanes=LANES, **options):
        made = [Prompt(name, root=self.folder) for name in prompts]
        return Items(open_table(self.file), made, lanes=lanes, **options)

    def keys(self, **options):
        return [ask.key for ask in self.items(**options)]

    def only(self, **options):
        (ask,) = self.items(**options)
        return ask


@pytest.fixture
def experiment(tmp_path):
    return Experiment(tmp_path)


def texts(items):
    return [ask.messages[-1].content.strip() for ask in items]


def test_rows_come_one_by_one_with_each_prompt_model_and_repeat(experiment):
    experiment.prompt("More on {{topic}}!", name="other.txt")

    items = experiment.items(
        prompts=["prompt.txt", "other.txt"],
        models=[("mock", "m1"), ("openai", "gpt")],
        repeats=2,
    )

    found = [(ask.row, ask.prompt, ask.lane, ask.model, ask.repeat) for ask in items]
    assert found == [
        (row, prompt, lane, model, repeat)
        for row in (1, 2)
        for prompt in ("prompt.txt", "other.txt")
        for lane, model in (("mock", "m1"), ("openai", "gpt"))
        for repeat in (1, 2)
    ]
    assert len(items) == len(found) == 2 * items.variants
    assert [ask.index for ask in items] == list(range(len(items)))
    assert len({ask.key for ask in items}) == len(items)


def test_a_request_says_where_it_comes_from(experiment):
    experiment.table("provider,model,topic,answer", " mock ,m1,tides,42")

    ask = experiment.only()

    assert (ask.lane, ask.model) == ("mock", "m1")
    assert ask.messages == (Message("user", "About tides."),)
    assert ask.cells == {"provider": " mock ", "model": "m1", "topic": "tides", "answer": "42"}
    assert ask.problem == ""
    assert ask.output == ""


def test_two_prompts_of_the_same_name_can_be_told_apart(experiment):
    (experiment.folder / "b").mkdir()
    experiment.rows("tides").prompt("Else {{topic}}.", name="b/prompt.txt")

    items = experiment.items(prompts=["prompt.txt", "b/prompt.txt"])

    assert [ask.prompt for ask in items] == ["prompt.txt", "prompt.txt#2"]


def test_the_same_experiment_has_the_same_keys(experiment):
    items = experiment.items(repeats=3)

    assert [ask.key for ask in items] == [ask.key for ask in items] == experiment.keys(repeats=3)


def test_a_key_names_all_that_is_sent(experiment):
    """Whatever changes what is sent makes another request of it."""
    experiment.rows("tides")
    keys = {
        *experiment.keys(),
        *experiment.keys(params={"temperature": 0.2}),
        *experiment.keys(params={"temperature": 0.3}),
        *experiment.keys(params={"seed": 1}),
        *experiment.keys(models=[("mock", "m2")]),
        *experiment.keys(models=[("openai", "m1")]),
        *experiment.keys(repeats=2),
        *experiment.prompt("Say {{topic}}.").keys(),
        *experiment.prompt("--- system\nSay\n--- user\n{{topic}}.").keys(),
        *experiment.prompt("--- user\nSay\n--- assistant\n{{topic}}.").keys(),
    }
    # The first of two repeats is the one that is there without repeats.
    assert len(keys) == 10


def test_a_key_is_not_touched_by_what_is_not_sent(experiment):
    (key,) = experiment.rows("tides").keys()
    experiment.prompt("About {{topic}}.", name="renamed.txt")

    assert experiment.keys(prompts=["renamed.txt"]) == [key]
    assert experiment.keys(output=OutputPath("{{topic}}.csv", experiment.folder)) == [key]
    assert experiment.keys(models=[("mock", "m1")]) == [key]
    assert experiment.keys(repeats=3)[0] == key
    assert experiment.rows("moons", "tides", "stars").keys()[1] == key
    assert experiment.table("note,topic,model,provider", "x,tides,m1,mock").keys() == [key]


def test_the_same_request_again_gets_a_number(experiment):
    experiment.rows("tides", "moons", "tides", "tides")

    first, moons, second, third = experiment.keys()

    assert (second, third) == (f"{first}#2", f"{first}#3")
    assert "#" not in first + moons


TOPICS = st.lists(st.sampled_from(["tides", "moons", "stars"]), min_size=1, max_size=12)


@given(topics=TOPICS, seed=st.integers(0, 99), limit=st.none() | st.integers(1, 12))
def test_shuffling_changes_only_the_order(tmp_path_factory, topics, seed, limit):
    experiment = Experiment(tmp_path_factory.mktemp("items")).rows(*topics)

    items = experiment.items(shuffle=seed, limit=limit, repeats=2)

    shuffled, ordered = list(items), list(items.in_input_order())
    count = min(len(topics), limit or len(topics))
    assert len(items) == len(shuffled) == count * 2
    assert items.rows == count
    assert [ask.index for ask in shuffled] == list(range(len(shuffled)))
    assert [ask.row for ask in ordered] == sorted(ask.row for ask in shuffled)
    place = {(ask.row, ask.repeat): ask for ask in ordered}
    for ask in shuffled:
        assert dataclasses.replace(ask, index=0) == dataclasses.replace(
            place[ask.row, ask.repeat], index=0
        )
    assert shuffled == list(items)
    assert len({ask.key for ask in shuffled}) == len(shuffled)


def test_another_seed_is_another_order(experiment):
    experiment.rows(*map(str, range(30)))

    orders = {tuple(ask.row for ask in experiment.items(shuffle=seed)) for seed in range(4)}

    assert len(orders) == 4


def test_a_pilot_asks_what_the_run_asks(experiment):
    experiment.rows("tides", "moons", "stars", "seas")
    all_keys = experiment.keys()

    assert experiment.keys(limit=2) == all_keys[:2]
    where = compiled(["topic~s$", "topic!=moons"])
    assert experiment.keys(where=where) == [all_keys[0], *all_keys[2:]]
    assert experiment.keys(where=where, limit=2) == [all_keys[0], all_keys[2]]
    assert set(experiment.keys(limit=2, shuffle=1)) < set(all_keys)
    items = experiment.items(where=where, shuffle=3)
    assert (items.rows, len(items), sorted(ask.row for ask in items)) == (3, 3, [1, 3, 4])


@given(
    topics=TOPICS,
    wanted=st.sampled_from(["topic=tides", "row_kind=x", "row_kind!=x"]) | st.none(),
    seed=st.none() | st.integers(0, 9),
    limit=st.none() | st.integers(1, 12),
)
def test_whichever_rows_take_part_their_keys_are_those_of_the_whole_table(
    tmp_path_factory, topics, wanted, seed, limit
):
    """Though some are exactly the same as others, and are told apart by where they stand."""
    lines = [f"mock,m1,{topic},{'xy'[at % 2]}" for at, topic in enumerate(topics)]
    experiment = Experiment(tmp_path_factory.mktemp("items"))
    experiment.table("provider,model,topic,row_kind", *lines)
    whole = {ask.row: ask.key for ask in experiment.items()}
    where = None if wanted is None else compiled([wanted])

    items = experiment.items(where=where, shuffle=seed, limit=limit)
    first, again = list(items.in_input_order()), list(items.in_input_order())

    assert first == again
    assert [ask.index for ask in first] == list(range(len(items)))
    assert {ask.row: ask.key for ask in first}.items() <= whole.items()
    assert {ask.key for ask in items} == {ask.key for ask in first}
    marked = list(items.marked())
    assert {ask.row: ask.key for ask, _ in marked} == whole
    assert [ask.key for ask, takes_part in marked if takes_part] == [ask.key for ask in first]
    other = experiment.items(where=where, shuffle=seed, limit=limit)
    assert list(other.marked()) == marked
    assert list(other.in_input_order()) == first


def test_what_rows_lack_that_do_not_take_part_is_of_no_interest(experiment):
    experiment.table('{"topic": "a"}', '{"n": 1}', '{"topic": "b"}', '{"n": 2}', name="t.jsonl")
    lacks = []

    items = experiment.items(models=[("mock", "m1")], where=compiled(["n!=1"]))
    for _ in items.in_input_order(lambda row, name: lacks.append((row, name))):
        pass

    assert lacks == [(4, "topic")]


def test_a_row_that_cannot_be_read_is_not_left_out_by_a_condition(experiment):
    experiment.table('{"topic": "tides"}', "{broken", '{"topic": "moons"}', name="t.jsonl")

    items = experiment.items(models=[("mock", "m1")], where=compiled(["topic=moons"]))

    assert [ask.row for ask in items] == [2, 3]


def test_an_id_is_no_part_of_the_key(experiment):
    """
    Otherwise one row without an id, or with one twice, would have everything asked and paid again.
    """
    plain = experiment.keys()
    experiment.table("id,provider,model,topic", "a,mock,m1,tides", "a,mock,m1,moons")

    assert experiment.keys() == plain


def test_requests_to_some_models_have_the_keys_that_they_have_among_all(experiment):
    experiment.table("topic", "tides", "moons", "tides")
    models = [("mock", "m1"), ("openai", "gpt")]
    for shuffle in (None, 3):
        items = experiment.items(models=models, repeats=2, shuffle=shuffle)
        some = [ask.key for ask in items.of_models(lambda lane, _model: lane == "openai")]
        assert some == [ask.key for ask in items if ask.lane == "openai"]
        assert len(some) == 6


def test_everything_is_more_than_what_takes_part(experiment):
    experiment.table("topic,provider,model", "tides,mock,m1", "moons,mock,m1", "rain,mock,m1")
    all_keys = experiment.keys()

    items = experiment.items(where=compiled(["topic!=tides"]), limit=1)

    assert [ask.key for ask in items] == all_keys[1:2]
    assert [ask.key for ask in items.in_input_order(everything=True)] == all_keys


def test_a_row_that_is_not_sound_does_not_change_the_keys_of_others(experiment):
    experiment.table("id,provider,model,topic", "a,mock,m1,tides", "b,mock,m1,moons")
    sound = experiment.keys()
    experiment.table("id,provider,model,topic", "a,mock,m1,tides", "x", "x", "b,mock,m1,moons")

    found = experiment.keys()

    assert [found[0], found[3]] == sound
    assert len(set(found)) == 4


def test_a_column_goes_over_an_option_and_that_over_the_prompt(experiment):
    experiment.prompt("---\ntemperature: 0.1\ntop_p: 0.9\nseed: 1\n---\nAbout {{topic}}.")
    experiment.table(
        "provider,model,topic,param.temperature,param.stop",
        "mock,m1,tides,0.7,",
        "mock,m1,moons,,END",
    )

    first, second = experiment.items(params={"temperature": 0.5, "seed": 2})

    assert first.params == {"temperature": 0.7, "top_p": 0.9, "seed": 2}
    assert second.params == {"temperature": 0.5, "top_p": 0.9, "seed": 2, "stop": "END"}


def test_a_cell_that_is_no_such_parameter_costs_its_row_only(experiment):
    experiment.table(
        "provider,model,topic,param.temperature", "mock,m1,tides,hot", "mock,m1,moons,0.5"
    )

    bad, good = experiment.items()

    assert bad.problem.startswith("row 1: temperature='hot'")
    assert (good.problem, good.params) == ("", {"temperature": 0.5})


def test_what_can_be_used_without_a_column(experiment):
    experiment.prompt("{{provider}} {{model}} {{row}} {{repeat}}")

    asked = experiment.items(models=[("openai", "gpt")], repeats=2)

    # Not what columns of these names say: two models would write into one file.
    assert texts(asked) == [f"openai gpt {row} {repeat}" for row in (1, 2) for repeat in (1, 2)]
    assert texts(experiment.items()) == ["mock m1 1 1", "mock m1 2 1"]
    experiment.table("topic", "tides")
    assert texts(experiment.items(models=[("openai", "gpt")])) == ["openai gpt 1 1"]


def test_a_missing_variable_is_a_problem_a_warning_or_nothing(experiment):
    experiment.prompt("About {{topic}} in {{langage}}.")
    experiment.table("provider,model,topic,language", "mock,m1,,en")
    what = "row 1 has no 'langage', which the prompt needs"

    failed = experiment.only()
    warned = experiment.only(missing="warn")
    emptied = experiment.only(missing="empty")

    assert failed.problem == f"{what}; did you mean 'language'?"
    assert texts([warned]) == ["About  in {{langage}}."]
    assert (warned.problem, warned.warnings) == ("", (f"{what}; it was left as it is typed",))
    assert texts([emptied]) == ["About  in ."]
    assert emptied.problem == ""


def test_who_is_told_of_missing_variables(experiment):
    experiment.prompt("{{a}} {{b}}").table('{"a": 1}', '{"a": 1, "b": 2}', "{}", name="t.jsonl")
    told = []

    items = experiment.items(models=[("mock", "m1")], missing="warn")
    for _ask in items.in_input_order(lambda row, name: told.append((row, name))):
        pass

    assert told == [(1, "b"), (3, "a"), (3, "b")]
    assert [ask.cells for ask in items][2] == {"a": "", "b": ""}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("opnai,m1,x", "row 2: there is no lane 'opnai'; did you mean 'openai'?"),
        (",m1,x", "row 2 has no provider; fill in its column 'provider'"),
        ("mock, ,x", "row 2 has no model; fill in its column 'model'"),
        ("mock,m1", "row 2 has 2 cells, but the table has 3 columns: nothing for 'topic'"),
    ],
)
def test_a_row_that_cannot_be_sent_fails_alone(experiment, line, problem):
    experiment.table("provider,model,topic", "mock,m1,tides", line, "mock,m1,moons")
    items = experiment.items()

    good, bad, other = items

    assert (bad.problem, bad.messages) == (problem, ())
    assert (good.problem, other.problem) == ("", "")
    assert items.check_value(good) is None
    with pytest.raises(treadle.BadRowError, match=r"^row 2"):
        items.check_value(bad)


def test_results_go_to_the_file_of_their_row(experiment):
    output = OutputPath("out/{{provider}}-{{topic}}.csv", experiment.folder)
    (experiment.folder / "out").mkdir()

    items = experiment.items(output=output)

    folder = experiment.folder / "out"
    assert [ask.output for ask in items] == [
        str(folder / "mock-tides.csv"),
        str(folder / "mock-moons.csv"),
    ]
    fixed = experiment.items(output=OutputPath("all.csv", experiment.folder))
    assert {ask.output for ask in fixed} == {str(experiment.folder / "all.csv")}


def test_a_path_that_leads_elsewhere_costs_its_row_only(experiment):
    experiment.rows("..", "moons")

    bad, good = experiment.items(output=OutputPath("{{topic}}/a.csv", experiment.folder))

    assert "cannot be a folder" in bad.problem
    assert good.problem == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prompts": []}, "there is no prompt"),
        ({"repeats": 0}, "cannot ask 0 times"),
        ({"limit": 0}, "a limit of 0 rows leaves none"),
        ({"missing": "ignore"}, "missing cannot be 'ignore'"),
        ({"models": [("opnai", "m1")]}, "there is no lane 'opnai'\nhint: did you mean 'openai'?"),
        ({"models": [("openai", "")]}, "no model is named for the lane 'openai'"),
        ({"where": compiled(["topik=x"])}, "'topik', which the table has not"),
    ],
)
def test_what_makes_no_sense_is_refused(experiment, options, message):
    with pytest.raises(treadle.UsageError) as caught:
        experiment.items(**options)
    assert message in str(caught.value)


def test_an_output_that_needs_what_is_not_there_is_refused(experiment):
    output = OutputPath("{{topik}}.csv", experiment.folder)

    with pytest.raises(treadle.UsageError, match="which the table has not") as caught:
        experiment.items(output=output)
    assert caught.value.hint == "did you mean 'topic'?"


def test_without_models_the_table_must_name_them(experiment):
    experiment.table("Provider,model,topic", "mock,m1,tides")

    with pytest.raises(treadle.UsageError, match="no column 'provider'") as caught:
        experiment.items()
    assert caught.value.hint == (
        "is it the column 'Provider'? Else name models with --model LANE/MODEL"
    )


def test_a_run_calls_what_is_sound_and_names_the_rest(experiment):
    experiment.table("provider,model,topic", "mock,m1,tides", "mock,m1", "mock,m1,moons")
    items = experiment.items()

    outcomes = sorted(
        treadle.map(lambda ask: ask.messages[0].content, items, backend="inline"),
        key=lambda outcome: outcome.index,
    )

    assert [outcome.key for outcome in outcomes] == [ask.key for ask in items]
    assert [outcome.ok for outcome in outcomes] == [True, False, True]
    assert "row 2 has 2 cells" in outcomes[1].failure.message
    assert outcomes[2].value == "About moons."
