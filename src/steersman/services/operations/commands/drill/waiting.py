"""Waiting in a command, which has no event loop: it spaces out questions and never decides a result."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import perf_counter

from steersman.model.errors import Permanent

_EVERY_SECONDS = 0.1


def pause(seconds: float) -> None:
    """Give the other processes so many seconds; Ctrl-C ends it."""
    threading.Event().wait(max(0.0, seconds))


def comes(condition: Callable[[], bool], seconds: float, every: float = _EVERY_SECONDS) -> bool:
    """Ask again and again whether the condition holds, and return whether it did in time."""
    end = perf_counter() + seconds
    while not condition():
        if perf_counter() > end:
            return False
        pause(every)
    return True


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait for a condition; raises `Permanent` when it does not come."""
    if not comes(condition, seconds):
        raise Permanent(f"gave up after {seconds:g} s waiting until {what}")
