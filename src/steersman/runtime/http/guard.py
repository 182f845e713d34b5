"""Keeps known attackers out, and looks for attacks in what everybody else sends.

Both are decided elsewhere: whom to keep out is the table that the service for security last gave, and what an attack is
says the detector of the engine. Here is the place where that meets live traffic. Intake of telemetry is data, and is
not looked at; a field that holds prose by its schema is looked at and never the reason for a refusal, or nobody could
talk about SQL here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Literal, Protocol

from starlette.types import Scope

from steersman.contract.ports import Clock
from steersman.model.errors import Forbidden, Throttled
from steersman.runtime.http.freetext import FreeText
from steersman.runtime.http.places import Places
from steersman.runtime.http.probes import Probes
from steersman.runtime.http.rates import Rates
from steersman.runtime.http.scope import TEMPLATE, address_of
from steersman.runtime.http.telling import Telling

Network = IPv4Network | IPv6Network
Mode = Literal["block", "observe", "ignore"]

#: The one answer, whatever was found: the reason is in the journal, and no attacker's business.
REFUSED = "this request was refused"
#: Above this size the look takes longer than others should wait for.
ASIDE_BYTES = 64 * 1024


class Verdict(Protocol):
    """What a detector says about a request."""

    @property
    def is_attack(self) -> bool: ...
    @property
    def kind(self) -> str: ...
    @property
    def observed(self) -> str: ...
    @property
    def score(self) -> float: ...
    @property
    def where(self) -> str: ...


class Detector(Protocol):
    """The detector of the engine, which the composition brings: what runs here knows nothing of how it finds."""

    def __call__(
        self,
        method: str,
        target: bytes,
        headers: Iterable[tuple[bytes, bytes]],
        body: bytes = b"",
        content_type: str = "",
        free_text: Collection[str] = (),
    ) -> Verdict: ...


@dataclass(frozen=True, slots=True)
class Measure:
    """What holds for the callers of a network: refused, or one request in so many seconds."""

    network: Network
    refuse: bool
    until_ms: int
    every_seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class Measures:
    """All that hold now, by network, so that a look-up costs one step for each length of prefix that occurs."""

    by_length: Mapping[tuple[int, int], Mapping[int, Measure]] = field(default_factory=dict)

    @classmethod
    def of(cls, measures: Sequence[Measure]) -> Measures:
        """Index them. Of two for the same network the stricter one holds, then the longer one."""
        table: dict[tuple[int, int], dict[int, Measure]] = {}
        for one in sorted(measures, key=lambda one: (one.refuse, one.until_ms)):
            version, length = one.network.version, one.network.prefixlen
            shift = one.network.max_prefixlen - length
            table.setdefault((version, length), {})[int(one.network.network_address) >> shift] = one
        return cls(table)

    def about(self, address: str, now_ms: int) -> Measure | None:
        """Return the strictest measure that holds for an address. Loopback is never kept out."""
        if not self.by_length or not address:
            return None
        try:
            parsed = ip_address(address)
        except ValueError:
            return None
        parsed = getattr(parsed, "ipv4_mapped", None) or parsed
        if parsed.is_loopback:
            return None
        number, found = int(parsed), None
        for (version, length), networks in self.by_length.items():
            if version != parsed.version:
                continue
            one = networks.get(number >> (parsed.max_prefixlen - length))
            if one is not None and one.until_ms > now_ms and (found is None or one.refuse > found.refuse):
                found = one
        return found


class Guard:
    """What the front asks about each request. One thread changes the table, by replacing it."""

    def __init__(self, clock: Clock, telling: Telling, detect: Detector | None, mode: Mode = "block") -> None:
        self._clock = clock
        self._telling = telling
        self._detect = detect
        self.mode = mode
        self.measures = Measures()
        self.rates = Rates(clock)
        self.places = Places(clock, telling)
        self.probes = Probes(clock, telling)
        #: Requests of the control API a minute: of somebody who is known, and of one address without a key.
        self.caller_limit = self.stranger_limit = 0
        #: Requests with an attack in them by kind and whether they were refused; those that a measure kept out.
        self.attacks: Counter[tuple[str, bool]] = Counter()
        self.kept_out = 0
        self._last_seen: dict[str, float] = {}

    def admit(self, address: str) -> None:
        """Raise `Forbidden` or `Throttled` where a measure holds for this address."""
        if not self.measures.by_length:
            return
        measure = self.measures.about(address, self._clock.wall_ns() // 1_000_000)
        if measure is None:
            return
        if measure.refuse:
            self.kept_out += 1
            raise Forbidden(REFUSED)
        self._slow(address, measure.every_seconds)

    def _slow(self, address: str, every_seconds: float) -> None:
        now = self._clock.monotonic()
        if (wait := self._last_seen.get(address, -every_seconds) + every_seconds - now) > 0:
            self.kept_out += 1
            raise Throttled("this address is slowed down", retry_after=wait)
        if len(self._last_seen) > 10_000:
            self._last_seen.clear()
        self._last_seen[address] = now

    def look(self, scope: Scope, body: bytes, free: FreeText) -> None:
        """Raise `Forbidden` for an attack, or only note it, as the settings say."""
        if self.mode == "ignore" or self._detect is None:
            return
        verdict = self._detect(
            scope["method"],
            _target(scope),
            scope["headers"],
            body,
            free_text=free.names(scope["method"], scope["path"]),
        )
        if verdict.is_attack:
            self._found(scope, verdict, refused=self.mode == "block")
        elif verdict.observed != verdict.kind:
            self.attacks[str(verdict.observed), False] += 1

    def _found(self, scope: Scope, verdict: Verdict, *, refused: bool) -> None:
        self.attacks[str(verdict.kind), refused] += 1
        address = address_of(scope)
        # Neither the value nor the detector's reason, which quotes it: they may hold what is secret or personal.
        told = {
            "kind": str(verdict.kind),
            "where": verdict.where[:120],
            "score": round(verdict.score),
            "method": scope["method"],
            "path": scope.get(TEMPLATE, scope["path"][:120]),
            "refused": refused,
            "address": address,
        }
        self._telling.note("security.attack.seen", address or "unknown", told)
        if refused:
            raise Forbidden(REFUSED)


def _target(scope: Scope) -> bytes:
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope["query_string"]
    return path + b"?" + query if query else path
