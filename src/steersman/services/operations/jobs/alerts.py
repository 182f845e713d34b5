"""Takes alerts in by group commit: an answer goes out after the transaction that holds its alerts, and never before.

While one transaction is synced, the next one gathers, so that the disk sets the pace and a thousand senders share a
sync. What was stored is handed to the loop at once; what a kill left undecided is handed to it at the next start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from steersman.contract.ports import Clock, Database, Observer
from steersman.model.errors import SteersmanError, Temporary
from steersman.model.ids import Tenant
from steersman.services.operations.logic.alerts import Alert, finding_of
from steersman.services.operations.store.alerts import end_silent, take_alerts, undecided_alerts

#: How often alerts are looked for whose sender fell silent; Prometheus promises at least a minute ahead.
_LOOK_SECONDS = 5.0
#: Alerts that may wait for the disk, some tens of seconds of a flood: beyond them a sender is asked to come back.
WAITING = 50_000


@dataclass(frozen=True, slots=True)
class _Waiting:
    """One request's alerts and where its answer waits."""

    tenant: Tenant
    alerts: Sequence[Alert]
    stored: asyncio.Future[None]


@dataclass(slots=True)
class AlertIntake:
    """The one writer of alerts. `take` is called on the event loop, `run` is the job."""

    database: Database
    clock: Clock
    observer: Observer
    _waiting: list[_Waiting] = field(default_factory=list)
    _count: int = 0
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, tenant: Tenant, alerts: Sequence[Alert]) -> None:
        """Return when the alerts are on disk; raises `Temporary` when they are not."""
        if self._count + len(alerts) > WAITING:
            raise Temporary(f"{self._count} alerts wait for the disk already", retry_after=2.0)
        stored = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(tenant, alerts, stored))
        self._count += len(alerts)
        self._wake.set()
        await stored

    async def run(self) -> None:
        """Take up what was left undecided, then write whatever gathers, and end what fell silent."""
        self._tell(await asyncio.to_thread(self._undecided))
        look_at = self.clock.monotonic()
        while True:
            try:
                await asyncio.wait_for(self._wake.wait(), _LOOK_SECONDS)
            except TimeoutError:
                pass
            else:
                await self._write_all()
            if self.clock.monotonic() >= look_at:
                look_at = self.clock.monotonic() + _LOOK_SECONDS
                self._tell(await asyncio.to_thread(self._end))

    async def _write_all(self) -> None:
        self._wake.clear()
        batch, self._waiting, self._count = self._waiting, [], 0
        try:
            stand = await asyncio.to_thread(self._write, batch)
        except SteersmanError as error:
            _answer(batch, error)
        else:
            self._tell(stand)
            _answer(batch, None)
        finally:
            # Whatever else happened: nobody waits for an answer that does not come.
            _answer(batch, Temporary("the alerts could not be stored"))

    def _now_ms(self) -> int:
        return self.clock.wall_ns() // 1_000_000

    def _write(self, batch: Sequence[_Waiting]) -> list[tuple[Tenant, Alert]]:
        by_tenant: dict[Tenant, list[Alert]] = {}
        for one in batch:
            by_tenant.setdefault(one.tenant, []).extend(one.alerts)
        with self.database.transaction() as transaction:
            return [
                (tenant, alert)
                for tenant, alerts in by_tenant.items()
                for alert in take_alerts(transaction, tenant, alerts, self._now_ms())
            ]

    def _undecided(self) -> list[tuple[Tenant, Alert]]:
        with self.database.reading() as connection:
            return undecided_alerts(connection)

    def _end(self) -> list[tuple[Tenant, Alert]]:
        with self.database.transaction() as transaction:
            return end_silent(transaction, self._now_ms())

    def _tell(self, alerts: Iterable[tuple[Tenant, Alert]]) -> None:
        now_ms = self._now_ms()
        for tenant, alert in alerts:
            self.observer.found(finding_of(alert, tenant, now_ms))


def _answer(batch: Iterable[_Waiting], error: SteersmanError | None) -> None:
    """Answer those who still wait."""
    for one in batch:
        if one.stored.done():
            continue
        if error is None:
            one.stored.set_result(None)
        else:
            one.stored.set_exception(error)
