"""Keeps the measures in the control database and puts them into force in this process.

The database is what all processes share and what survives a restart; the front of each asks a table in memory, which is
made anew when something changed and every few seconds. A measure ends by itself at its time, whether anybody is there
to lift it or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_network

from steersman.contract.ports import Caller, JournalEntry, Ports
from steersman.model.errors import NotFound
from steersman.runtime.http.guard import Guard, Measure, Measures
from steersman.runtime.identity import accounts
from steersman.runtime.identity.identity import Identity
from steersman.runtime.settings import LoadedSettings
from steersman.services.security.logic.networks import Network, excepted, measured
from steersman.services.security.logic.watching import Watching
from steersman.services.security.model.measures import AttacksView, MeasureKind, MeasureView, Suspect
from steersman.services.security.model.settings import SecuritySettings
from steersman.services.security.store import tables
from steersman.services.security.store.lists import Lists
from steersman.services.security.store.rates import SharedRates

_MS = 1_000_000
#: What ended stays for so long, for an undo that comes late to find it.
_KEPT_MS = 24 * 3600 * 1000
_FOR_EVER_MS = 1 << 62


@dataclass(frozen=True, slots=True)
class LookingDefence:
    """What a preview may know."""

    never: tuple[Network, ...]
    suspects: tuple[Suspect, ...]

    def checked(self, network: str) -> str:
        """Return the network in its usual form; raises `InvalidInput` where nobody may be kept out of it."""
        return str(measured(network, self.never))


class Defence:
    """Everything that is done about attackers. Every method blocks."""

    def __init__(self, ports: Ports, settings: SecuritySettings, never: tuple[Network, ...]) -> None:
        self.ports = ports
        self.settings = settings
        self.never = never
        self.lists = Lists(settings.lists, never)
        self.watching = Watching()
        self.suspects: list[Suspect] = []
        self.guard = ports.get(Guard)
        self.identity = ports.get(Identity)
        self.rates = SharedRates(ports.database, ports.clock)

    @classmethod
    def open(cls, ports: Ports) -> Defence:
        """Put into force what held before the restart; raises `Permanent` for a list that cannot be read."""
        settings = ports.settings.section(SecuritySettings)
        loaded: LoadedSettings | None = ports.provided.get(LoadedSettings)
        # Whoever kept a proxy out would keep out everybody behind it.
        proxies: Sequence[str] = loaded.house.trusted_proxies if loaded else ()
        tables.prepare(ports.database)
        defence = cls(ports, settings, excepted([*settings.never, *proxies]))
        defence.lists.open()
        defence.guard.caller_limit = settings.caller_per_minute
        defence.guard.stranger_limit = settings.stranger_per_minute
        defence.guard.rates.leasing = defence.rates.lease
        defence.enforce()
        return defence

    @property
    def looking(self) -> LookingDefence:
        return LookingDefence(self.never, tuple(self.suspects))

    def holding(self) -> list[MeasureView]:
        with self.ports.database.reading() as connection:
            return tables.holding(connection, self.now_ms())

    def take(self, id: str, kind: MeasureKind, target: str, minutes: int, every_seconds: float = 0.0) -> MeasureView:
        """Keep a measure under an id, and put it into force; the same id again is the same measure."""
        now = self.now_ms()
        one = MeasureView(
            id=id,
            kind=kind,
            target=target,
            every_seconds=every_seconds,
            since_ms=now,
            until_ms=now + minutes * 60_000,
        )
        with self.ports.database.transaction() as transaction:
            known = tables.found(transaction, id)
            if known is None:
                tables.add(transaction, one)
        self.enforce()
        return known or one

    def undo(self, id: str) -> None:
        """Forget a measure; one that ended has nothing to be undone."""
        with self.ports.database.transaction() as transaction:
            tables.remove(transaction, id)
        self.enforce()

    def lift(self, caller: Caller, id: str) -> MeasureView:
        """End a measure before its time; journalled. Raises `NotFound`."""
        with self.ports.database.transaction() as transaction:
            one = tables.found(transaction, id)
            if one is None:
                raise NotFound("there is no such measure")
            tables.remove(transaction, id)
            ports, told = self.ports, {"kind": str(one.kind), "target": one.target}
            entry = JournalEntry(
                ports.ids.new(),
                ports.clock.wall_ns(),
                caller.tenant,
                caller.subject,
                "security.measure.lifted",
                id,
                told,
            )
            ports.journal.append(transaction, [entry])
        self.enforce()
        return one

    def enforce(self) -> None:
        """Give the front and the sign-in what holds now."""
        held = self.holding()
        listed = [Measure(one, refuse=True, until_ms=_FOR_EVER_MS) for one in self.lists.networks()]
        taken = [
            Measure(ip_network(one.target), one.kind is MeasureKind.BAN, one.until_ms, one.every_seconds)
            for one in held
            if one.kind is not MeasureKind.LOCK
        ]
        self.guard.measures = Measures.of([*listed, *taken])
        self.identity.login.locked = {one.target: one.until_ms for one in held if one.kind is MeasureKind.LOCK}

    def tidy(self) -> None:
        """Forget what ended long ago."""
        with self.ports.database.transaction() as transaction:
            tables.ended(transaction, self.now_ms() - _KEPT_MS)
        self.rates.tidy()

    def recall(self, account: str, before_ms: int) -> None:
        """Let the watch get used to an account's sign-ins of the last weeks, which are in its sessions."""
        with self.ports.database.reading() as connection:
            known = tables.sign_ins(connection, account, before_ms)
            administers = "admin" in accounts.roles_of(connection, account)
        self.watching.recall(account, known, administers=administers)

    def attacks(self) -> AttacksView:
        counts = dict(self.guard.attacks)
        return AttacksView(
            refused={kind: count for (kind, refused), count in counts.items() if refused},
            let_through={kind: count for (kind, refused), count in counts.items() if not refused},
            kept_out=self.guard.kept_out,
        )

    def now_ms(self) -> int:
        return self.ports.clock.wall_ns() // _MS
