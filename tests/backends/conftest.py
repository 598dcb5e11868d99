"""What the tests of the backends share."""

from __future__ import annotations

import itertools
import sys
import threading

import pytest


def _interrupted(call, after):
    """Make *call*; after so many bytecodes, make it from within. Return whether it got that far."""
    left = itertools.count(after, -1)
    reached = done = False

    def trace(frame, event, _):
        nonlocal reached
        frame.f_trace_opcodes = True
        if event == "opcode" and next(left) == 0:
            reached = True
            call()  # not traced itself
        return trace

    def run():
        nonlocal done
        sys.settrace(trace)
        try:
            call()
        finally:
            sys.settrace(None)
        done = True

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(30)
    assert done, f"interrupted after {after} bytecodes, it waits for itself"
    return reached


def _nested(make):
    """Interrupt a call by the same call after each of its bytecodes, as a signal handler may."""
    for after in itertools.count():
        if not _interrupted(make(), after):
            assert after > 0
            return


@pytest.fixture
def nested():
    if sys.version_info[:2] == (3, 12):
        pytest.skip("3.12 does not trace opcodes reliably when tracing begins within a call")
    return _nested
