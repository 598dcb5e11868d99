"""The bell: it is heard once, by whoever waits now or next."""

from __future__ import annotations

import threading

from treadle.backends.bell import Bell


def test_it_may_be_rung_while_it_is_being_rung(nested):
    nested(lambda: Bell().ring)


def test_it_is_heard_by_the_next_wait_and_only_by_that():
    bell = Bell()
    bell.ring()
    bell.ring()
    bell.wait(None)
    heard = threading.Event()

    def listen():
        bell.wait(None)
        heard.set()

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    assert not heard.is_set()
    bell.ring()
    assert heard.wait(30)
    thread.join(30)


def test_what_was_cleared_is_not_heard():
    bell = Bell()
    bell.ring()
    bell.clear()
    bell.wait(0.0)
    assert bell._rung.empty()
