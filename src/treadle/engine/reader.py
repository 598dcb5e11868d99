"""Read the source, as far as the machine allows, and make items of what it gives.

In a thread of its own, because a source may block for as long as it likes (stdin, a queue, another
run) and nothing else may stall meanwhile. Values are packed right here, before the source is asked
for the next one: a source that yields the same dict again and again is read correctly.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Generator, Hashable, Iterator, Mapping
from typing import Any, TypeVar

from treadle.core.failures import failure_from, shown
from treadle.core.item import Item, Key
from treadle.core.outcome import AnyOutcome, Raised, Unpicklable
from treadle.errors import NotPicklable, SourceFailed, UsageError

T = TypeVar("T")


class Reader:
    """
    Turns values into items and keeps them for the dispatcher to collect.

    Args:
        values: The source; any iterable. What its ``check_value``, if it has one, raises for a
            value is the failure of that item.
        call: Identifier of the call that the items are for.
        pack: ``Backend.pack``.
        key: Returns the key of a value at a position; None takes the position.
        lane: ``Policy.lane`` when limits are keyed, else None.
        cost: ``Lanes.cost``, or None.
        screen: Gets key, value and position; returns False to leave a value out. What it raises is
            the failure of that item.
        wake: Wakes the dispatcher.
    """

    def __init__(
        self,
        values: Any,
        *,
        call: int,
        pack: Callable[[Any], Any],
        key: Callable[[Any, int], Key] | None,
        lane: Callable[[Any], tuple[Hashable, Hashable] | None] | None,
        wake: Callable[[], None],
        cost: Callable[[Any], Mapping[str, Any]] | None = None,
        screen: Callable[[Key, Any, int], bool] | None = None,
    ) -> None:
        self._values = values
        self._call = call
        self._pack = pack
        self._key = key
        check = getattr(values, "check_value", None)
        self._check = check if callable(check) else None
        self._lane = lane
        self._cost = cost
        self._screen = screen
        self._wake = wake
        self._iterator: Iterator[Any] | None = None
        self._index = 0
        self._items: list[Item] = []
        self._refused: list[tuple[Item, AnyOutcome]] = []
        self._allowed = 0
        self._changed = threading.Condition()
        self._stopped = False
        self._ended = False
        self._error: BaseException | None = None
        self._end_told = False
        self._thread: threading.Thread | None = None
        self.left_out = 0  # values, as ``screen`` said
        self.hungry = False  # set by the dispatcher when it wants to be woken by the next item

    def start(self) -> None:
        """Read in a thread of its own from now on."""
        self._thread = threading.Thread(
            target=self._read_as_allowed, name="treadle-reader", daemon=True
        )
        self._thread.start()

    def allow(self, count: int) -> None:
        """Let *count* further values be read."""
        if self._thread is None:
            self._read(count)
            return
        with self._changed:
            self._allowed += count
            self._changed.notify()

    def stop(self) -> None:
        """Read nothing further; what is read from now on is not kept."""
        with self._changed:
            stopped, self._stopped = self._stopped, True
            self._changed.notify()
        if self._thread is None and not stopped:
            self._close_source()

    def join(self, timeout: float) -> None:
        """Wait for the thread to end; one that is inside the source may outlive us."""
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def collect(self) -> tuple[list[Item], list[tuple[Item, AnyOutcome]]]:
        """Return the items read since the last call, and those that cannot travel."""
        return _take_all(self._items), _take_all(self._refused)

    @property
    def has_news(self) -> bool:
        """True when there is something to collect, the end included."""
        return bool(self._items or self._refused or (self._ended and not self._end_told))

    def take_end(self) -> tuple[bool, BaseException | None]:
        """Tell, once, that the source has ended and everything it gave was collected."""
        if not self._ended or self._end_told or self._items or self._refused:
            return False, None
        self._end_told = True
        return True, self._error

    def _read_as_allowed(self) -> None:
        while True:
            with self._changed:
                while self._allowed <= 0 and not self._stopped:
                    self._changed.wait()
                if self._stopped:
                    break
                count, self._allowed = self._allowed, 0
            if not self._read(count):
                break
        self._close_source()

    def _read(self, count: int) -> bool:
        """Read up to *count* values; return False when there will be no more."""
        try:
            if self._iterator is None:
                self._iterator = iter(self._values)
            while count and not self._ended:
                left_out = self.left_out
                if not self._read_from(self._iterator, count):
                    return False
                count = self.left_out - left_out  # as many more, in their place
        except KeyboardInterrupt as error:
            if self._thread is None:
                raise  # the caller's own Ctrl-C: Python delivers it to no other thread
            self._end(error)
        except BaseException as error:  # a source may raise anything, SystemExit included
            self._end(error)
        return not self._ended

    def _read_from(self, values: Iterator[Any], count: int) -> bool:
        """Take up to *count* values, those that are left out included; False when stopped."""
        key_of, lane_of, cost_of = self._key, self._lane, self._cost
        pack, call = self._pack, self._call
        check, screen = self._check, self._screen
        append, index = self._items.append, self._index
        left = count
        for value in itertools.islice(values, count):
            if self._stopped:
                return False
            key: Key = index
            try:
                if key_of is not None:
                    key = _checked_key(key_of(value, index))
                if screen is not None and not screen(key, value, index):
                    self.left_out += 1
                else:
                    if check is not None:
                        check(value)
                    lane = None if lane_of is None else _checked_lane(lane_of(value))
                    cost = None if cost_of is None else cost_of(value)
                    append(Item(index, key, pack(value), call, lane, cost))
            except SourceFailed:
                raise  # what was read is not what it should be: not the fault of one item
            except Exception as error:
                self._refuse(Item(index, key, None, call), error)
            index += 1
            self._index = index
            left -= 1
            if self.hungry:
                self.hungry = False
                self._wake()
        if left:
            self._end(None)
        return True

    def _refuse(self, item: Item, error: Exception) -> None:
        self._refused.append((item, _refusal(item, error)))

    def _end(self, error: BaseException | None) -> None:
        self._error = error
        self._ended = True
        self._wake()

    def _close_source(self) -> None:
        # Only generators: a file, too, has a ``close``, but whoever opened it closes it.
        if isinstance(self._iterator, Generator) and not self._ended:
            try:
                self._iterator.close()
            except BaseException as error:  # a generator's ``finally`` may raise; tell, then end
                self._end(error)


def _checked_key(key: Any) -> Key:
    """
    Return *key* if it can be one.

    Raises:
        UsageError: It is neither text nor a whole number.
    """
    if type(key) is str or type(key) is int:
        return key
    if isinstance(key, str):  # such as a member of an enum, which shows something else
        return "".join(key)
    if isinstance(key, int) and not isinstance(key, bool):
        return int(key)
    raise UsageError(
        f"the key of an item must be text or a whole number, got {shown(key):.80}",
        hint="have key= return str(...) or int(...) of it",
    )


def _checked_lane(lane: tuple[Hashable, Hashable] | None) -> tuple[Hashable, Hashable] | None:
    """
    Return *lane* if limits can be kept by it.

    Raises:
        UsageError: A key of ``rate=`` or ``capacity=`` cannot be hashed.
    """
    try:
        hash(lane)
    except Exception as error:
        raise UsageError(
            f"the key that a limit gave an item cannot be hashed: {shown(lane):.80}",
            hint="have the key= of Rate and Capacity return text, a number or a tuple of these",
        ) from error
    return lane


def _take_all(found: list[T]) -> list[T]:
    """Empty a list that another thread may be appending to."""
    count = len(found)
    taken = found[:count]
    del found[:count]
    return taken


def _refusal(item: Item, error: Exception) -> AnyOutcome:
    """Settle an item that never reached a worker."""
    facts = (item.key, item.index, 0, 0.0, 0.0, None, None, None)
    if isinstance(error, NotPicklable):
        return Unpicklable(*facts, "argument", failure_from(error))
    return Raised(*facts, failure_from(error), error)
