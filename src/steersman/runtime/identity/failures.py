"""Counts failed sign-ins that fade, in this process and, through a store that is injected, with all the others.

An attempt is judged by what is known in memory and waits for no database. What this process counted is handed over once
a second, if there is anything, all of it at once, and what comes back are the counts of all processes together: so
whoever spreads guesses over the workers counts to the same limits, after a second at most. A flood costs one
transaction a second and no more. What is told to the store is a keyed hash, because people type passwords into the
field for the name. While the store is away each process counts for itself.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog
from anyio.to_thread import run_sync

from steersman.contract.ports import Clock
from steersman.model.errors import Temporary

_log = structlog.get_logger(__name__)

#: Failures are forgotten one by one, each after so long, and no more than so many count.
FORGET_SECONDS, MOST_COUNTED = 60.0, 50
_REMEMBERED = 20_000
#: What is told of in one transaction; the rest goes with the next.
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to one key since it was told of: whether it was cleared first, and the failures after that."""

    cleared: bool = False
    added: int = 0


#: Adds changes to what all processes counted and returns the counts, both by key; it blocks.
Exchange = Callable[[Mapping[str, Change]], Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class _Count:
    """How many failures count still, as of a moment."""

    count: float
    at: float


class Failures:
    """Fading counts by key, on the event loop only; the least recently failed is forgotten first."""

    def __init__(self, clock: Clock, key: bytes = b"") -> None:
        self._clock = clock
        self._key = key
        self._known: OrderedDict[str, _Count] = OrderedDict()
        self._untold: OrderedDict[str, Change] = OrderedDict()
        self._something = asyncio.Event()

    def now(self, key: str) -> float:
        """Return how many failures of a key count now."""
        found = self._known.get(key)
        if found is None:
            return 0.0
        return max(0.0, found.count - (self._clock.monotonic() - found.at) / FORGET_SECONDS)

    def add(self, key: str) -> None:
        """Count one more."""
        self._set(key, self.now(key) + 1)
        before = self._untold.get(key, Change())
        self._tell(key, Change(before.cleared, before.added + 1))

    def clear(self, key: str) -> None:
        """Forget all of a key."""
        if self._known.pop(key, None) is not None or key in self._untold:
            self._tell(key, Change(cleared=True))

    async def exchanged(self, exchange: Exchange) -> None:
        """Wait until there is something to tell, tell it, and learn what the others counted of the same keys."""
        await self._something.wait()
        telling = {key: self._untold.pop(key) for key in list(self._untold)[:_AT_ONCE]}
        hashed = {self._hashed(key): key for key in telling}
        try:
            counts = await run_sync(exchange, {name: telling[key] for name, key in hashed.items()})
        except Temporary as error:
            _log.warning("failed sign-ins are not counted together", reason=error.message)
            self._take_back(telling)
            return
        for name, key in hashed.items():
            self._learn(key, counts.get(name, 0.0))
        if not self._untold:
            self._something.clear()

    def _take_back(self, telling: Mapping[str, Change]) -> None:
        for key, one in telling.items():
            since = self._untold.get(key, Change())
            self._untold[key] = since if since.cleared else Change(one.cleared, one.added + since.added)

    def _learn(self, key: str, count: float) -> None:
        """Take the count of all, and what happened here while it was asked for."""
        since = self._untold.get(key, Change())
        self._set(key, since.added if since.cleared else count + since.added)

    def _set(self, key: str, count: float) -> None:
        if count <= 0:
            self._known.pop(key, None)
            return
        self._known[key] = _Count(min(MOST_COUNTED, count), self._clock.monotonic())
        self._known.move_to_end(key)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    def _tell(self, key: str, change: Change) -> None:
        self._untold[key] = change
        if len(self._untold) > _REMEMBERED:
            self._untold.popitem(last=False)
        self._something.set()

    def _hashed(self, key: str) -> str:
        text = f"steersman failed sign-in\n{key}".encode("utf-8", "surrogatepass")
        return "failed:" + hmac.new(self._key, text, hashlib.sha256).hexdigest()[:32]
