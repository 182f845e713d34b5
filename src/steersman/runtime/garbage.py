"""Keeps the collector of cycles from walking over everything that a platform is made of, while others wait.

Modules, routes and models are a quarter of a million objects that live as long as the process. A full collection visits
each of them, holds the interpreter meanwhile, and comes all the sooner the more requests there are: a storm of sign-ins
made one every second or two. So what is alive when the platform has started is set aside, and whatever a full
collection that took long has left alive as well. Once in a long while all of it is looked at again, so that cycles
among old objects do not pile up. Nothing is switched off: young objects are collected as ever.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from steersman.contract.ports import Clock

#: A pause that nobody feels; a longer one is not to be had twice over the same objects.
_LONG_SECONDS = 0.005
_AGAIN_SECONDS = 24 * 3600.0
_OLDEST = 2


@contextmanager
def settled(clock: Clock) -> Iterator[None]:
    """Set aside what is alive; on leaving, the collector sees everything again. Takes as long as a full collection."""
    gc.collect()
    gc.freeze()
    watching = _Watching(clock)
    gc.callbacks.append(watching.collected)
    try:
        yield
    finally:
        gc.callbacks.remove(watching.collected)
        gc.unfreeze()


class _Watching:
    """Is told by the collector when it begins and when it has ended."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = self._thawed = clock.monotonic()

    def collected(self, phase: str, told: Mapping[str, int]) -> None:
        """Set aside what survived a long full collection, and once in a long while nothing before it."""
        if told["generation"] != _OLDEST:
            return
        now = self._clock.monotonic()
        if phase == "start":
            self._began = now
            if now - self._thawed >= _AGAIN_SECONDS:
                self._thawed = now
                gc.unfreeze()
        elif now - self._began >= _LONG_SECONDS:
            gc.freeze()
