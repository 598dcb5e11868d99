"""Explain why a value cannot be pickled: the path to the culprit inside it, its type, the cure.

The search walks down from the value. At each level it pickles the parts of the object one is at
(with pickle, then with cloudpickle, into nothing), goes on into the first part that fails, and
stops where an object fails and none of its parts does. The objects on the way are cut off in
these trials, so that a reference back to them cannot make an innocent part look guilty.
"""

from __future__ import annotations

import functools
import io
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from treadle.core.anatomy import parts_of
from treadle.core.cures import STOCK, cure_for, known_cure, last_name, safely, type_name

_DEPTH = 100  # steps from the value to the culprit; nobody reads a longer path
_TRIALS = 2_000  # a step takes about log2(parts) of them, so the widest value is within reach

_Stage: TypeAlias = Literal["pickle", "load"]


@dataclass(frozen=True, slots=True)
class Culprit:
    """
    The object inside a value that keeps the value from travelling.

    Attributes:
        path: Where it sits: ``.metadata.things[3]``, ``["key"]``, `` closure variable 'lock'``;
            ``{key}`` is a key of a dict or a member of a set. Empty (or the given root) for the
            value itself.
        type: Its type, such as ``generator`` or ``_thread.lock``.
        reason: What pickle said, on one line.
        hint: What to do.
        stage: ``"pickle"``, or ``"load"`` if it is pickled well and fails when it is loaded.
    """

    path: str
    type: str
    reason: str
    hint: str
    stage: _Stage = "pickle"

    def message(self, what: str) -> str:
        """Say it in one line; *what* is the whole value as a person calls it: "the result"."""
        verb = "cannot be pickled"
        if self.stage == "load":
            verb = "is pickled, but cannot be loaded again"
        article = "an" if self.type.lstrip("_")[:1].lower() in set("aeiou") else "a"
        stock = STOCK.fullmatch(self.reason)
        # "cannot pickle 'generator' object" adds nothing to "is a generator".
        said = stock is not None and last_name(stock[1]) == last_name(self.type)
        because = "" if said else f" ({self.reason})"
        return f"{what} {verb}: {self.path.strip() or 'it'} is {article} {self.type}{because}"


def find_culprit(value: object, *, root: str = "", load: bool = False) -> Culprit | None:
    """
    Find what keeps *value* from being pickled; None when it can be.

    A value counts as picklable when pickle or cloudpickle takes it. What belongs to ``__main__``
    must also travel by value, since a worker has another ``__main__``. Never raises, and never
    evaluates a property; runs the ``__reduce__`` and ``__getstate__`` of the objects inside.

    Args:
        value: Any value; functions and classes too.
        root: What the path begins with, such as ``"item"``.
        load: Also load what was pickled, here in this process: finds values that are pickled
            well and fail on the other side, such as exceptions with an ``__init__`` of their own.

    Raises:
        KeyboardInterrupt: Passed on; everything else that pickling raises is the answer.
    """
    for main_by_value in (False, True):
        trials = _Trials(load=load, main_by_value=main_by_value)
        trail = _descend(value, root, trials)
        if trail:
            return _verdict(trail)
    return None


def can_pickle(value: object) -> bool:
    """Tell whether pickle or cloudpickle takes *value*: whether ``find_culprit`` finds none."""
    return _Trials(load=False, main_by_value=True).failure(value) is None


# --- The walk ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Failure:
    """What pickle said of one object."""

    reason: str
    stage: _Stage
    too_deep: bool


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One object on the way to the culprit."""

    path: str
    value: object
    failure: _Failure


def _descend(value: object, root: str, trials: _Trials) -> list[Step]:
    """Walk to the culprit; the last step is the deepest object that is to blame by itself."""
    failure = trials.failure(value)
    if failure is None:
        return []
    trail = [Step(root, value, failure)]
    while len(trail) < _DEPTH and trials.left > 0 and not _is_end(trail):
        trials.cut_off(trail[-1].value)
        below = _failing_part(trail[-1], trials)
        if below is None:
            break
        trail.append(below)
    return trail


def _is_end(trail: list[Step]) -> bool:
    """Tell whether going on would only lead into the insides of something known."""
    here = trail[-1]
    if here.failure.too_deep:
        return len(_same_and_too_deep(trail)) >= 5  # fewer may be lists of lists above the trouble
    return here.failure.stage == "pickle" and known_cure(type(here.value)) is not None


def _same_and_too_deep(trail: list[Step]) -> list[Step]:
    kind = type(trail[-1].value)
    return [step for step in trail if step.failure.too_deep and type(step.value) is kind]


def _failing_part(here: Step, trials: _Trials) -> Step | None:
    for group in parts_of(here.value):
        index = trials.first_failing(group.values)
        if index is None:
            continue
        part = group.values[index]
        failure = trials.failure(part)
        if failure is not None:
            return Step(here.path + safely(group.label, index, "…"), part, failure)
    return None


def _verdict(trail: list[Step]) -> Culprit:
    guilty = trail[-1]
    if guilty.failure.too_deep:
        guilty = _same_and_too_deep(trail)[0]
    owner = trail[trail.index(guilty) - 1] if guilty is not trail[0] else None
    reason = guilty.failure.reason
    if guilty.failure.too_deep and guilty.failure.stage == "pickle":
        reason = "nested too deeply for pickle"
    return Culprit(
        path=guilty.path,
        type=type_name(type(guilty.value)),
        reason=reason,
        hint=cure_for(guilty, owner),
        stage=guilty.failure.stage,
    )


# --- Trials -----------------------------------------------------------------------------------


class _Trials:
    """
    Pickles values into nothing and says what went wrong, a bounded number of times.

    Attributes:
        left: How many trials may still be made.
    """

    def __init__(self, *, load: bool, main_by_value: bool) -> None:
        self.left = _TRIALS
        self._load = load
        self._main_by_value = main_by_value
        self._cut: dict[int, object] = {}

    def cut_off(self, value: object) -> None:
        """From now on, leave *value* out of whatever refers to it."""
        self._cut[id(value)] = value  # the reference keeps the id from being used again

    def failure(self, value: object) -> _Failure | None:
        """Pickle *value*: by reference where that works, else with cloudpickle."""
        self.left -= 1
        file = _Nowhere(keep=self._load)
        failure = self._attempt(_Plain, value, file)
        if failure is not None and failure.stage == "load":
            return failure
        if failure is None and not (self._main_by_value and file.saw_main):
            return None
        return self._attempt(_cloud(), value, _Nowhere(keep=self._load))

    def first_failing(self, values: Sequence[object]) -> int | None:
        """Return the index of the first value that fails, by halving; None if all are well."""
        values = list(values)  # a copy: the list itself may be cut off
        if not values or (len(values) > 1 and self.failure(values) is None):
            return None
        low, high = 0, len(values)
        while high - low > 1 and self.left > 0:
            middle = (low + high) // 2
            if self.failure(values[low:middle]) is None:
                low = middle
            else:
                high = middle
        return low

    def _attempt(
        self, pickler: Callable[..., Any], value: object, file: _Nowhere
    ) -> _Failure | None:
        stage: _Stage = "pickle"
        try:
            # Out of band, buffers are not copied. To be loaded they must be copies, or what a
            # __setstate__ does to them would happen to the user's value.
            trial = pickler(file, protocol=5, buffer_callback=None if self._load else _drop)
            trial.cut = self._cut
            trial.dump(value)
            if self._load:
                stage = "load"
                loader = _Loader(io.BytesIO(file.content()))
                loader.cut = self._cut
                loader.load()
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return _Failure(_reason(error), stage, _is_too_deep(error))
        return None


class _Nowhere:
    """A file that forgets, except whether ``__main__`` was named in it."""

    def __init__(self, *, keep: bool) -> None:
        self.saw_main = False
        self._kept: list[bytes] | None = [] if keep else None

    def write(self, data: Any) -> int:
        """Take what a pickler writes: frames of some 64 KiB, and large objects on their own."""
        raw = pickle.PickleBuffer(data).raw()  # as it lies in memory, whatever its shape
        if self._kept is not None:
            self._kept.append(bytes(raw))
        if not self.saw_main and raw.nbytes < 1 << 20:
            self.saw_main = b"__main__" in bytes(raw)
        return raw.nbytes

    def content(self) -> bytes:
        return b"".join(self._kept or ())


def _drop(_buffer: pickle.PickleBuffer) -> None:
    """Take a buffer out of band, and do nothing with it."""


class _Cutting:
    """Makes a pickler write a mere number for the objects that are cut off."""

    cut: dict[int, object]

    def persistent_id(self, obj: object) -> int | None:
        key = id(obj)
        return key if key in self.cut else None


class _Plain(_Cutting, pickle.Pickler):
    """The pickler of the standard library."""


@functools.cache
def _cloud() -> Callable[..., Any]:
    """Return the pickler of cloudpickle; imported only when something does not pickle plainly."""
    import cloudpickle

    return type("_Cloud", (_Cutting, cloudpickle.Pickler), {})


class _Loader(pickle.Unpickler):
    """Loads a trial, with the objects that were cut off put back as they are."""

    cut: dict[int, object]

    def persistent_load(self, pid: Any) -> object:
        return self.cut[pid]


def _is_too_deep(error: BaseException) -> bool:
    # cloudpickle turns the RecursionError into a PicklingError.
    return isinstance(error, RecursionError) or isinstance(error.__cause__, RecursionError)


def _reason(error: BaseException) -> str:
    text = " ".join(safely(str, error, "").split())
    name = type(error).__name__
    return f"{name}: {text[:400]}" if text else name
