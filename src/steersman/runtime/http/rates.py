"""How often one caller may ask, counted together by all processes, without asking the database each time.

A process leases a batch of requests for a caller and hands them out from memory. Only when a batch is used up does it
ask for the next one, and whoever got none is refused from memory until there is one again. Where the leases come from
is decided by whoever keeps them; while that is away, nobody is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from starlette.concurrency import run_in_threadpool

from steersman.contract.ports import Clock
from steersman.model.errors import Temporary, Throttled

_log = structlog.get_logger(__name__)

#: Leases come in this part of a minute's allowance; what is not used within a minute is lost.
_PART = 20
_SECONDS = 60.0
_REMEMBERED = 20_000


class OverLimit(Throttled):
    """More requests than a caller may make in a minute; `limit` is how many that are."""

    def __init__(self, limit: int, *, retry_after: float) -> None:
        super().__init__(f"more than {limit} requests a minute", retry_after=retry_after)
        self.limit = limit


@dataclass(frozen=True, slots=True)
class Lease:
    """So many requests that may be made, or after how many seconds there will be one."""

    granted: int
    wait_seconds: float = 0.0


#: `(key, limit, wanted)`; it blocks.
Leasing = Callable[[str, int, int], Lease]


@dataclass(slots=True)
class _Kept:
    left: int
    until: float
    refused_until: float = 0.0


@dataclass(slots=True)
class Rates:
    """Hands out leased requests, on the event loop only. Without a `leasing` there is no limit."""

    clock: Clock
    leasing: Leasing | None = None
    _kept: dict[str, _Kept] = field(default_factory=dict)

    async def spend(self, key: str, limit: int) -> None:
        """Take one request of a key; raises `OverLimit`. A limit of 0 is none."""
        if self.leasing is None or not limit:
            return
        now = self.clock.monotonic()
        kept = self._kept.get(key)
        if kept is not None and kept.left > 0 and now < kept.until:
            kept.left -= 1
            return
        if kept is not None and now < kept.refused_until:
            raise OverLimit(limit, retry_after=kept.refused_until - now)
        await self._renew(self.leasing, key, limit, now)

    async def _renew(self, leasing: Leasing, key: str, limit: int, now: float) -> None:
        wanted = max(1, limit // _PART)
        try:
            lease = await run_in_threadpool(leasing, key, limit, wanted)
        except Temporary as error:
            _log.warning("the rates of callers are not counted", reason=error.message)
            lease = Lease(wanted)
        if len(self._kept) >= _REMEMBERED:
            self._kept.clear()
        if lease.granted:
            self._kept[key] = _Kept(lease.granted - 1, now + _SECONDS)
            return
        self._kept[key] = _Kept(0, now, now + lease.wait_seconds)
        raise OverLimit(limit, retry_after=lease.wait_seconds)
