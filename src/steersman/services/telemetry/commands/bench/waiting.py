"""Waiting in a command, which has no event loop: nothing here decides a result, it only spaces out questions."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import perf_counter

from steersman.model.errors import Permanent

_EVERY_SECONDS = 0.02


def pause(seconds: float) -> None:
    """Give the other processes so many seconds."""
    threading.Event().wait(seconds)


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> float:
    """Poll until the condition holds and return the seconds that it took; raise `Permanent` when it never does."""
    begin = perf_counter()
    while not condition():
        if perf_counter() - begin > seconds:
            raise Permanent(f"gave up after {seconds:g} s waiting until {what}")
        pause(_EVERY_SECONDS)
    return perf_counter() - begin
