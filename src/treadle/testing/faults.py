"""A real function with scripted faults, for real workers."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, assert_never

from treadle.core.context import current
from treadle.core.item import Key
from treadle.errors import UsageError
from treadle.testing.steps import Dies, Hangs, Raises, Returns, Step

A_DAY = 86_400.0


class Faulty:
    """
    Calls a plain function, but lets scripted attempts go wrong. Use it in the function's place.

    It has no state of its own, so it works on every backend and with any number of workers: which
    attempt of which item is running comes from ``treadle.current()``.

    Args:
        function: What to call where the script says nothing.
        script: Steps by key of the item, one for each attempt. After the last one, and for keys
            that are not in it, the function is called. The seconds of a step are real here:
            ``after=0`` is a fault at once.
    """

    def __init__(self, function: Callable[..., Any], script: Mapping[Key, Sequence[Step]]) -> None:
        self.function = function
        self.script = dict(script)
        self._home = os.getpid()

    def __call__(self, *arguments: Any) -> Any:
        """Take the step that the script has for this attempt."""
        now = current()
        steps = self.script.get(now.key, ())
        if now.attempt > len(steps):
            return self.function(*arguments)
        match steps[now.attempt - 1]:
            case Returns(value=value, after=after):
                _pass(after)
                return self.function(*arguments) if value is None else value
            case Raises(error=error, after=after):
                _pass(after)
                raise error
            case Dies(signal=name, exitcode=exitcode, after=after):
                self._stay_home()
                _pass(after)
                return _die(name, exitcode)
            case Hangs():
                return _pass(A_DAY)
            case step:
                assert_never(step)

    def _stay_home(self) -> None:
        if os.getpid() == self._home:
            raise UsageError(
                "Dies() would end the process that runs the test, not a worker",
                hint='use it with backend="processes"',
            )


def _pass(seconds: float) -> None:
    """Spend real time, as a slow call does."""
    threading.Event().wait(seconds)


def _die(name: str | None, exitcode: int) -> None:
    """End this process without any clean-up, as a crash would."""
    if name is not None:
        os.kill(os.getpid(), signal.Signals[name])
    os._exit(exitcode)
