"""The real source of ids. It never hands out an id that sorts before an earlier one of the same process."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from steersman.model.ids import Id, uuid7

if TYPE_CHECKING:
    from steersman.contract.ports import Clock

_RANDOM_BITS = 74
#: Ids of one millisecond differ by a random step, so that the next one cannot be guessed from the last.
_STEP_BITS = 40


class RandomIds:
    """UUIDv7 ids that only grow, from any thread, also while the wall clock is set back."""

    def __init__(self, clock: Clock, entropy: Callable[[int], int] = secrets.randbits) -> None:
        self._clock = clock
        self._entropy = entropy
        self._lock = threading.Lock()
        self._last_ms = -1
        self._last_random = 0

    def new(self) -> Id:
        """Return a new id, greater than every id before it."""
        with self._lock:
            now_ms = self._clock.wall_ns() // 1_000_000
            if now_ms > self._last_ms:
                self._last_ms, self._last_random = now_ms, self._entropy(_RANDOM_BITS)
            else:
                self._follow()
            random = self._last_random
            return uuid7(self._last_ms, lambda _bits: random)

    def _follow(self) -> None:
        """Step past the last id; a full millisecond borrows from the next one."""
        self._last_random += 1 + self._entropy(_STEP_BITS)
        if self._last_random >> _RANDOM_BITS:
            self._last_ms += 1
            self._last_random = self._entropy(_RANDOM_BITS)
