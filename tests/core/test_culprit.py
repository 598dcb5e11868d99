"""A value that cannot be pickled is explained: the path to the culprit, its type, the cure."""

from __future__ import annotations

import collections
import dataclasses
import enum
import functools
import gc
import io
import pickle
import re
import socket
import subprocess
import sys
import threading
import types
import weakref
from typing import Any, NamedTuple
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.core.culprit import Culprit, can_pickle, find_culprit

LOCK = threading.Lock()


class Box:
    """An ordinary object: whatever it is given is an attribute."""

    def __init__(self, **attributes):
        self.__dict__.update(attributes)

    def ask(self, item):
        return item


class Slots:
    __slots__ = ("empty", "thing")

    def __init__(self, thing):
        self.thing = thing


class MoreSlots(Slots):
    __slots__ = ("__dict__", "more")


class Pair(NamedTuple):
    left: Any
    right: Any


@dataclasses.dataclass
class Row:
    name: str
    thing: Any


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    name: str
    thing: Any


class Page:
    def __init__(self):
        self.title = "page"

    @functools.cached_property
    def things(self):
        return (x for x in "abc")

    @property
    def never(self):
        raise AssertionError("a property was evaluated")


def numbers():
    yield 1


def found(value, **options) -> Culprit:
    culprit = find_culprit(value, **options)
    assert culprit is not None
    return culprit


def at(value, path):
    """What stands at a path, as Python itself understands it."""
    return eval("value" + path, {"value": value})


# --- What can be pickled ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        None,
        1,
        "text",
        [1, {"a": (2, {3})}],
        Box(a=1),
        Slots(1),
        MoreSlots(1),
        Pair(1, 2),
        Row("a", 1),
        Frozen("a", [1]),
        ValueError("no"),
        numbers,
        Box,
        len,
        [].append,
        Box(a=1).ask,
        Row("a", lambda x: x + 1),
        functools.partial(lambda x: x, 1),
        sys,
        memoryview(b"bytes"),
    ],
    ids=lambda value: re.sub(r" at 0x[0-9a-f]+", "", repr(value)),  # the same in every process
)
def test_there_is_no_culprit_in_what_pickle_or_cloudpickle_takes(value):
    assert can_pickle(value)
    assert find_culprit(value) is None
    assert find_culprit(value, load=True) is None


def test_a_local_class_and_its_instances_travel_by_value():
    class Local:
        def __init__(self):
            self.value = 1

    assert find_culprit(Local) is None
    assert find_culprit([Local()]) is None


def test_cycles_that_can_be_pickled_are_well():
    value: dict[str, Any] = {"list": []}
    value["list"].append(value)
    assert find_culprit(value) is None


# --- Paths --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrap", "path"),
    [
        (lambda x: x, ""),
        (lambda x: [1, 2, 3, x], "[3]"),
        (lambda x: (1, x), "[1]"),
        (lambda x: {"key": x}, '["key"]'),
        (lambda x: {"it's": x}, '["it\'s"]'),
        (lambda x: {7: x}, "[7]"),
        (lambda x: {(1, "a"): x}, "[(1, 'a')]"),
        (lambda x: Box(a=1, b=x), ".b"),
        (lambda x: Box(**{"not a name": x}), '.__dict__["not a name"]'),
        (Slots, ".thing"),
        (lambda x: Row("a", x), ".thing"),
        (lambda x: Frozen("a", x), ".thing"),
        (lambda x: Pair(1, x), ".right"),
        (lambda x: collections.deque([1, x]), "[1]"),
        (lambda x: collections.OrderedDict(a=1, b=x), '["b"]'),
        (lambda x: collections.defaultdict(list, a=x), '["a"]'),
        (lambda x: types.SimpleNamespace(a=x), ".a"),
        (lambda x: ValueError("no", x), ".args[1]"),
        (lambda x: ExceptionGroup("all", [ValueError(x)]), ".exceptions[0].args[0]"),
        (lambda x: functools.partial(print, x), ".args[0]"),
        (lambda x: functools.partial(print, end=x), '.keywords["end"]'),
        (lambda x: Box(a=[{"k": Pair(Slots(x), 1)}]), '.a[0]["k"].left.thing'),
    ],
)
def test_the_path_leads_to_the_culprit(wrap, path):
    """Attribute, key or index: pasted behind the value, the path is a Python expression."""
    culprit = threading.Lock()
    value = wrap(culprit)
    answer = found(value)
    assert answer.path == path
    assert answer.type == "_thread.lock"
    assert "setup=" in answer.hint
    assert at(value, path) is culprit


def test_an_exceptions_own_attributes_count():
    error = ValueError("no")
    error.response = numbers()
    assert found(error).path == ".response"


def test_a_culprit_among_slots_of_several_classes_and_a_dict():
    value = MoreSlots(1)
    value.more = LOCK
    assert found(value).path == ".more"
    value.more = 1
    value.extra = LOCK
    assert found(value).path == ".extra"


def test_a_key_of_a_dict_and_a_member_of_a_set_stand_in_braces():
    assert found({LOCK: 1}).path == f"{{{LOCK!r}}}"
    assert found({("a", LOCK): 1}).path == f"{{('a', {LOCK!r})}}[1]"
    assert found({1, LOCK}).path == f"{{{LOCK!r}}}"
    assert found(frozenset({LOCK})).path == f"{{{LOCK!r}}}"


def test_a_very_long_key_is_cut():
    assert len(found({"x" * 10_000: LOCK}).path) < 100


def test_the_path_begins_with_the_root():
    assert found([LOCK], root="item").path == "item[0]"


def test_an_array_of_objects_shows_the_indices():
    numpy = pytest.importorskip("numpy")
    array = numpy.empty((2, 3), dtype=object)
    array[1, 2] = LOCK
    assert found({"a": array}).path == '["a"][1, 2]'
    scalar = numpy.empty((), dtype=object)
    scalar[()] = LOCK
    assert found(scalar).path == "[()]"


def test_a_large_array_is_loaded_whatever_its_order():
    numpy = pytest.importorskip("numpy")
    array = numpy.asfortranarray(numpy.arange(400_000.0).reshape(200, 2000))
    assert find_culprit([array, array[::2, ::2]], load=True) is None


def test_the_first_of_a_million_parts_is_found_by_halving():
    value: list[Any] = list(range(1_000_000))
    value[654_321] = LOCK
    assert found(value).path == "[654321]"


def test_a_path_of_ninety_steps_is_walked_to_its_end():
    value: Any = LOCK
    for _ in range(90):
        value = [value]
    assert found(value).path == "[0]" * 90


def test_a_longer_path_ends_at_an_object_that_still_fails():
    value: Any = LOCK
    for _ in range(200):
        value = [value]
    culprit = found(value)
    assert culprit.path == "[0]" * 99
    assert "_thread.lock" in culprit.message("it")


# --- Cycles -------------------------------------------------------------------------------------


def test_a_reference_back_does_not_make_an_innocent_part_look_guilty():
    """Each child refers to its parent, and so to the lock of one of its siblings."""
    parent = Box(children=[])
    for index in range(500):
        parent.children.append(Box(parent=parent, index=index))
    parent.children[333].lock = LOCK
    assert found(parent).path == ".children[333].lock"
    assert found(parent.children[0]).path == ".parent.children[333].lock"


def test_a_list_that_contains_itself():
    value: list[Any] = [1]
    value.append(value)
    value.append(LOCK)
    assert found(value).path == "[2]"


# --- Functions and classes ----------------------------------------------------------------------


def test_a_lambda_is_well_until_it_closes_over_a_lock():
    lock = threading.Lock()
    assert find_culprit(Row("a", lambda x: x)) is None
    culprit = found(Row("a", lambda x: (lock, x)))
    assert culprit.path == ".thing closure variable 'lock'"
    assert culprit.message("the argument") == (
        "the argument cannot be pickled: .thing closure variable 'lock' is a _thread.lock"
    )


def run(source, name="function"):
    """Define a function as a notebook cell does: in a ``__main__`` that no worker has."""
    space: dict[str, Any] = {"__name__": "__main__", "lock": threading.Lock(), "fine": 1}
    exec(source, space)
    return space[name]


def test_a_global_of_a_function_that_travels_by_value():
    function = run("def function(x):\n return [lock for _ in x]")
    assert found(function).path == " global 'lock'"


def test_an_attribute_named_like_a_global_is_not_the_global():
    function = run("def function(x, default=open):\n with x.lock: return fine")
    assert find_culprit(function) is None


def test_what_main_defines_must_travel_by_value(monkeypatch):
    """By reference it can be pickled here, but no worker has this ``__main__``."""
    function = run("def function(x):\n return lock")
    monkeypatch.setattr(sys.modules["__main__"], "function", function, raising=False)
    pickle.dumps(function)
    assert not can_pickle(function)
    assert found(function).path == " global 'lock'"


def test_a_culprit_in_the_value_is_named_before_what_main_defines(monkeypatch):
    function = run("def function(x):\n return lock")
    monkeypatch.setattr(sys.modules["__main__"], "function", function, raising=False)
    assert found([function, numbers()]).path == "[1]"


def test_a_function_deep_inside_a_function():
    lock = threading.Lock()

    def inner():
        return lock

    def outer():
        return inner()

    assert found(outer).path == " closure variable 'inner' closure variable 'lock'"


def test_default_values_and_attributes_of_a_function():
    def positional(a, b=LOCK):
        return b

    def keyword(*, c=LOCK):
        return c

    def tagged():
        pass

    tagged.tag = LOCK
    assert found(positional).path == " default of 'b'"
    assert found(keyword).path == " default of 'c'"
    assert found(tagged).path == ".tag"


def test_a_closure_variable_without_a_value_is_passed_over():
    lock = threading.Lock()

    def function():
        return later, lock

    assert found(function).path == " closure variable 'lock'"
    later = 1


def test_a_bound_method_of_an_object_with_a_socket():
    class Client:
        def __init__(self, connection):
            self.connection = connection

        def get(self, item):
            return item

    with socket.socket() as connection:
        for method in (Client(connection).get, Box(connection=connection).ask):
            culprit = found(method)
            assert culprit.path == ".__self__.connection"
            assert culprit.type == "socket.socket"
            assert "setup=" in culprit.hint


def test_a_method_of_a_lock():
    assert found(LOCK.acquire).path == ".__self__"


def test_an_instance_of_a_local_class_that_holds_a_lock():
    class Local:
        def __init__(self):
            self.guard = threading.Lock()

    assert found([Local()]).path == "[0].guard"


def test_a_local_class_with_a_lock_of_its_own():
    class Local:
        guard = threading.Lock()

    assert found(Local).path == ".guard"
    assert found(Local()).path == ".__class__.guard"


def test_a_method_of_a_local_class():
    lock = threading.Lock()

    class Local:
        @staticmethod
        def method():
            return lock

    assert found(Local()).path == ".__class__.method closure variable 'lock'"


def test_a_cached_property_of_a_local_class_before_python_3_12():
    class Local:
        @functools.cached_property
        def value(self):
            return 1

    culprit = find_culprit(Local())
    if sys.version_info >= (3, 12):
        assert culprit is None
    else:
        assert culprit is not None
        assert culprit.path == ".__class__.value"
        assert "top level of a module" in culprit.hint


def test_a_cached_function_that_cannot_be_imported():
    @functools.lru_cache
    def cached(x):
        return x

    assert "top level of a module" in found(cached).hint


# --- Culprits people meet, and their cures ------------------------------------------------------


def test_a_generator_in_a_cached_property():
    page = Page()
    assert find_culprit(page) is None
    assert page.things
    culprit = found({"metadata": page})
    assert culprit.message("the result") == (
        'the result cannot be pickled: ["metadata"].things is a generator'
    )
    assert "cached_property" in culprit.hint
    assert "list(" in culprit.hint


def test_a_partial_with_a_generator():
    culprit = found(functools.partial(sum, numbers()))
    assert culprit.path == ".args[0]"
    assert "list(" in culprit.hint


@pytest.mark.parametrize("mode", ["rb", "w", "wb"])
def test_an_open_file(tmp_path, mode):
    path = tmp_path / "file"
    path.touch()
    with path.open(mode) as file:
        culprit = found(Box(file=file))
    assert culprit.path == ".file"
    assert culprit.type.startswith("_io.")
    assert "path" in culprit.hint


def test_a_tree_sitter_node():
    tree_sitter = pytest.importorskip("tree_sitter")
    python = pytest.importorskip("tree_sitter_python")
    parser = tree_sitter.Parser(tree_sitter.Language(python.language()))
    tree = parser.parse(b"x = 1")
    culprit = found([{"node": tree.root_node}])
    assert (culprit.path, culprit.type) == ('[0]["node"]', "tree_sitter.Node")
    assert "ranges" in culprit.hint


def test_an_ast_grep_node():
    """Its class claims to be a builtin; the message says where it really comes from."""
    ast_grep = pytest.importorskip("ast_grep_py")
    node = ast_grep.SgRoot("x = 1", "python").root()
    culprit = found(Box(metadata=Box(thing=node)))
    assert culprit.message("the result") == (
        "the result cannot be pickled: .metadata.thing is an ast_grep SgNode"
    )
    assert "ranges" in culprit.hint


def test_a_textual_app_is_named_as_a_whole_not_by_its_insides():
    textual = pytest.importorskip("textual.app")

    class Screen(textual.App):
        def work(self, item):
            return item

    app = Screen()
    culprit = found(app.work)
    assert culprit.path == ".__self__"
    assert culprit.type.endswith(".Screen")
    assert "not the app" in culprit.hint


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (threading.Event, "setup="),
        (threading.Thread, "setup="),
        (lambda: weakref.ref(Box), "weak"),
        (sys._getframe, "traceback"),
        (lambda: io.BytesIO(b"abc").getbuffer().cast("B"), None),
        (lambda: iter(lambda: 1, 2), None),
        (lambda: __import__("csv").reader([]), "list("),
        (lambda: __import__("re").match("a", "a"), ".group()"),
        (lambda: __import__("hashlib").sha256(), "hexdigest"),
        (lambda: __import__("contextvars").ContextVar("x"), ".get()"),
        (lambda: __import__("ctypes").pointer(__import__("ctypes").c_int()), "pointer"),
        (lambda: __import__("multiprocessing").get_context("fork").SimpleQueue(), "inherited"),
        (lambda: __import__("logging").StreamHandler(), "getLogger"),
        (lambda: __import__("queue").Queue(), "return the values"),
        (lambda: __import__("concurrent.futures", fromlist=["x"]).Future(), ".result()"),
        (lambda: __import__("mmap").mmap(-1, 10), "map the file"),
    ],
)
def test_a_thing_is_named_as_a_whole_and_has_a_cure(make, word):
    thing = make()
    if word is None:
        assert find_culprit([thing]) is None
        return
    culprit = found([thing])
    assert culprit.path == "[0]"
    assert word in culprit.hint


def test_a_database_connection():
    sqlite3 = pytest.importorskip("sqlite3")
    connection = sqlite3.connect(":memory:")
    try:
        culprit = found(Box(db=connection))
    finally:
        connection.close()
    assert culprit.path == ".db"
    assert "setup=" in culprit.hint


def test_coroutines_and_async_generators():
    async def coroutine():
        pass

    async def generator():
        yield

    waiting = coroutine()
    try:
        assert "await" in found([waiting]).hint
    finally:
        waiting.close()
    assert "async for" in found([generator()]).hint


def test_a_lazy_frame_with_a_python_function():
    polars = pytest.importorskip("polars")
    lock = threading.Lock()
    frame = polars.LazyFrame({"a": [1]}).select(
        polars.col("a").map_elements(lambda x: (lock, x)[1], return_dtype=polars.Int64)
    )
    culprit = found({"frame": frame})
    assert culprit.path == '["frame"]'
    assert "collect()" in culprit.hint


# --- Hostile objects ----------------------------------------------------------------------------


class Unreducible:
    def __init__(self, error):
        self.error = error

    def __reduce__(self):
        raise self.error


@pytest.mark.parametrize(
    "error", [ValueError("not me"), SystemExit(3), GeneratorExit("x"), BaseException("base")]
)
def test_an_object_whose_reduce_raises_is_the_culprit(error):
    culprit = found([1, Unreducible(error)])
    assert culprit.path == "[1]"
    assert type(error).__name__ in culprit.reason
    assert str(error) in culprit.message("the result")
    assert "__reduce__" in culprit.hint


def test_ctrl_c_is_passed_on():
    with pytest.raises(KeyboardInterrupt):
        find_culprit([Unreducible(KeyboardInterrupt())])
    with pytest.raises(KeyboardInterrupt):
        can_pickle(Unreducible(KeyboardInterrupt()))


def test_a_getstate_that_raises():
    class Stateless:
        def __getstate__(self):
            raise RuntimeError("no state")

    culprit = found(Box(a=Stateless()))
    assert culprit.path == ".a"
    assert culprit.reason == "RuntimeError: no state"
    assert "__getstate__" in culprit.hint


def test_a_getattribute_that_raises():
    class Closed:
        def __getattribute__(self, name):
            raise RuntimeError("closed")

    assert found([Closed()]).reason == "RuntimeError: closed"


class BadRepr:
    def __repr__(self):
        raise RuntimeError("no repr")

    def __reduce__(self):
        raise BadError

    __hash__ = object.__hash__


class BadError(Exception):
    def __str__(self):
        raise RuntimeError("no text")


def test_objects_that_cannot_even_be_shown():
    culprit = found({BadRepr(): 1})
    assert culprit.path == "{<BadRepr>}"
    assert culprit.reason == "BadError"


def test_a_mock_that_answers_to_everything():
    client = mock.MagicMock()
    assert find_culprit({"client": client}) is None
    client.lock = LOCK
    assert found({"client": client}).type == "_thread.lock"


def test_a_class_that_lies_about_itself():
    class Meta(type):
        def __getattribute__(cls, name):
            raise RuntimeError("ask me nothing")

    class Liar(metaclass=Meta):
        __class__ = property(lambda self: int)

    culprit = found([Liar()])
    assert culprit.path.startswith("[0]")
    assert "ask me nothing" in culprit.message("it")


def test_a_property_is_never_evaluated():
    page = Page()
    page.lock = LOCK
    assert found(page).path == ".lock"


def test_what_getstate_leaves_out_is_not_blamed():
    class Careful(Box):
        def __getstate__(self):
            return {k: v for k, v in self.__dict__.items() if k != "lock"}

    assert find_culprit(Careful(lock=LOCK)) is None
    assert found(Careful(lock=LOCK, other=[LOCK])).path == ".other[0]"


def test_a_state_made_on_the_fly_is_shown_as_such():
    class Made:
        def __getstate__(self):
            return {"made": numbers()}

    assert found(Made()).path == '.__getstate__()["made"]'


def test_an_argument_made_by_reduce_is_shown_as_such():
    class Made:
        def __reduce__(self):
            return list, ((1, LOCK),)

    assert found(Made()).path == ".__reduce__()[1][0][1]"


def test_an_endless_reduce_ends():
    class Endless:
        def __reduce__(self):
            return Endless, (Endless(),)

    culprit = found([Endless()])
    assert culprit.path == "[0]"
    assert "deep" in culprit.reason


def test_a_class_hidden_by_another_of_the_same_name():
    shadowed = type("Row", (), {"__module__": __name__})
    assert find_culprit(shadowed()) is None  # it travels by value


def test_a_very_deep_nest_is_called_so():
    deep: Any = None
    for _ in range(100_000):
        deep = [deep]
    culprit = found({"tree": deep})
    assert culprit.path == '["tree"]'
    assert "nested too deeply" in culprit.message("the result")
    assert "flatten" in culprit.hint


def test_a_long_chain_of_objects_is_called_deep_at_its_head():
    chain = None
    for _ in range(50_000):
        chain = Box(next=chain)
    culprit = found([{"head": chain}])
    assert culprit.path == '[0]["head"]'
    assert "nested too deeply" in culprit.reason
    while chain is not None:  # let go of it link by link: some versions recurse here
        chain = chain.__dict__.pop("next")


def test_the_search_keeps_nothing_alive():
    box = Box(lock=LOCK, unreducible=Unreducible(ValueError("x")))
    gone = weakref.ref(box)
    found([box])
    found([box], load=True)
    del box
    gc.collect()
    assert gone() is None


# --- Loading ------------------------------------------------------------------------------------


class AppError(Exception):
    def __init__(self, code, text):
        super().__init__(f"{code}: {text}")


class Shy:
    """Forwards what it has not, also while pickle is still making it."""

    def __init__(self, inner):
        self.inner = inner

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def __getstate__(self):
        return self.__dict__


class Unloadable:
    def __setstate__(self, state):
        raise SystemExit("not here")

    def __getstate__(self):
        return {"a": 1}


def test_an_exception_that_is_pickled_but_does_not_load():
    """Its ``args`` are not what its ``__init__`` wants; pools hang or break on it."""
    error = AppError(404, "not found")
    assert find_culprit(error) is None
    culprit = found({"error": error}, load=True)
    assert (culprit.path, culprit.stage) == ('["error"]', "load")
    assert culprit.message("the result").startswith(
        'the result is pickled, but cannot be loaded again: ["error"] is a'
    )
    assert "missing 1 required positional argument" in culprit.reason
    assert "super().__init__" in culprit.hint


def test_a_setstate_that_raises():
    culprit = found([1, [Unloadable()]], load=True)
    assert culprit.path == "[1][0]"
    assert culprit.reason == "SystemExit: not here"
    assert "__setstate__" in culprit.hint


def test_a_getattr_that_recurses_while_loading():
    culprit = found(Box(a=Shy(1)), load=True)
    assert culprit.path == ".a"
    assert "__getattr__" in culprit.hint


def test_with_load_a_value_that_cannot_be_pickled_is_explained_too():
    culprit = found([AppError(1, "x"), LOCK], load=True)
    assert (culprit.path, culprit.stage) == ("[0]", "load")
    assert found([1, LOCK], load=True).path == "[1]"


def test_a_cycle_through_what_does_not_load():
    parent = Box(children=[])
    parent.children = [Box(parent=parent) for _ in range(5)]
    parent.children[3].bad = Unloadable()
    assert found(parent, load=True).path == ".children[3].bad"


# --- Any nest -----------------------------------------------------------------------------------


class Kind(enum.Enum):
    LIST = enum.auto()
    TUPLE = enum.auto()
    DICT = enum.auto()
    BOX = enum.auto()
    SLOTS = enum.auto()
    PAIR = enum.auto()
    FROZEN = enum.auto()
    DEQUE = enum.auto()


innocent = st.recursive(
    st.one_of(st.none(), st.integers(), st.text(max_size=5), st.binary(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.text(max_size=5), inner, max_size=3),
        st.builds(lambda x: Box(a=x), inner),
    ),
    max_leaves=5,
)
key = st.one_of(st.text(max_size=8), st.integers(), st.tuples(st.integers(), st.booleans()))
name = st.from_regex(r"[a-z_]{1,6}", fullmatch=True).map(lambda text: f"x{text}")
before = st.lists(innocent, max_size=3)
container = st.tuples(st.sampled_from(Kind), key, name, before, before)


def wrapped(value, step):
    """Put *value* into a container; with it, the expected step of the path."""
    kind, key, name, left, right = step
    match kind:
        case Kind.LIST:
            return [*left, value, *right], f"[{len(left)}]"
        case Kind.TUPLE:
            return (*left, value, *right), f"[{len(left)}]"
        case Kind.DEQUE:
            return collections.deque([*left, value, *right]), f"[{len(left)}]"
        case Kind.DICT:
            return {"first": left, key: value, "last": right}, f"[{key!r}]"
        case Kind.BOX:
            return Box(**{"a": left, name: value, "z": right}), f".{name}"
        case Kind.SLOTS:
            return Slots(value), ".thing"
        case Kind.PAIR:
            return Pair(left, value), ".right"
        case Kind.FROZEN:
            return Frozen("a", value), ".thing"


@settings(max_examples=150, deadline=None)
@given(steps=st.lists(container, max_size=8), load=st.booleans())
def test_a_culprit_planted_anywhere_is_found_there(steps, load):
    """In any nest of containers, the path is the planted one and leads to the very object."""
    culprit = value = threading.Lock()
    planted: list[str] = []
    for step in steps:
        value, label = wrapped(value, step)
        planted.insert(0, label)
    answer = found(value, load=load)
    assert at(value, answer.path) is culprit
    assert answer.path.replace('"', "'") == "".join(planted).replace('"', "'")
    assert answer.type == "_thread.lock"


@settings(max_examples=50, deadline=None)
@given(value=innocent)
def test_there_is_no_culprit_in_plain_values(value):
    assert find_culprit(value, load=True) is None


def test_importing_this_loads_no_pickler_but_the_standard_one():
    """``import treadle`` must stay light."""
    code = "import sys, treadle.core.culprit; print('cloudpickle' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "False"
