"""Test programs that use treadle, and treadle itself: time, workers and faults under control.

    clock    FakeClock: time that moves only when it is told to
    steps    Returns, Raises, Dies, Hangs: how one attempt goes
    backend  ScriptedBackend: workers that obey a script, on fake time, in no time
    faults   Faulty: a real function with scripted faults, on any real backend

Test how *your* function and policy cope, on real workers::

    flaky = Faulty(fetch, {"b.csv": [Raises(OSError("reset")), Dies()]})
    report = treadle.run(flaky, paths, key=str, retry=3)

Test what a policy does, without waiting for it: give a ``ScriptedBackend`` to a dispatcher. See
``tests/engine`` in treadle's own repository for a harness of a few lines.
"""

from treadle.testing.backend import ScriptedBackend, Stalled
from treadle.testing.clock import FakeClock
from treadle.testing.faults import Faulty
from treadle.testing.steps import Dies, Hangs, Raises, Returns, Step

__all__ = [
    "Dies",
    "FakeClock",
    "Faulty",
    "Hangs",
    "Raises",
    "Returns",
    "ScriptedBackend",
    "Stalled",
    "Step",
]
