"""Notices a session that is used from two networks in turn, which is what a copied token looks like.

People move: a telephone changes its network, and later changes it back. That is a step, and steps are nothing. Two who
hold one token take turns, here, there, here and there again. The same machine may call over IPv4 and IPv6 alike, so
those two are compared only where the programs differ. A network is a /24 or a /48, as carriers hand addresses on within
those. Nothing is refused here: it is told, once in a while for each session, and a person or the loop decides.

While the address stays what it was, all of this is one look into a dictionary.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address, ip_network

from starlette.types import Scope

from steersman.contract.ports import Caller, Clock
from steersman.runtime.http.telling import Telling

#: Turns of a quarter of an hour count between two programs; of one and the same, which may have two ways out, a minute.
_APART_SECONDS, _ALIKE_SECONDS = 900.0, 60.0
#: Here, there, here and there again.
_TURNS = 4
_REMEMBERED, _USES = 10_000, 12
_TOLD_EVERY_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Place:
    """A network, and the program that calls from it, as a hash of what it calls itself."""

    network: str
    version: int
    program: int

    def is_apart(self, other: Place) -> bool:
        """Tell whether one client cannot well be at both."""
        if self.network == other.network:
            return False
        return self.version == other.version or self.program != other.program


@dataclass(frozen=True, slots=True)
class Use:
    """From where a session began to be used at a moment."""

    place: Place
    at: float


@dataclass(slots=True)
class _Trail:
    address: str
    uses: deque[Use] = field(default_factory=lambda: deque(maxlen=_USES))
    told: float = float("-inf")


class Places:
    """Follows the sessions that were used last, on the event loop only."""

    def __init__(self, clock: Clock, telling: Telling) -> None:
        self._clock = clock
        self._telling = telling
        self._trails: OrderedDict[str, _Trail] = OrderedDict()

    def see(self, caller: Caller, address: str, scope: Scope) -> None:
        """Note from where a caller's session is used. A key may be used from many places, a client of others too."""
        trail = self._trails.get(caller.session)
        if trail is not None and trail.address == address:
            return
        if caller.session and not caller.key:
            self._changed(trail or self._begun(caller.session), caller, address, scope)

    def _begun(self, session: str) -> _Trail:
        if len(self._trails) >= _REMEMBERED:
            self._trails.popitem(last=False)
        trail = self._trails[session] = _Trail("")
        return trail

    def _changed(self, trail: _Trail, caller: Caller, address: str, scope: Scope) -> None:
        before, trail.address = trail.address, address
        network, version = _network(address)
        place = Place(network, version, hash(_program(scope)))
        if trail.uses and trail.uses[-1].place == place:
            return
        now = self._clock.monotonic()
        trail.uses.append(Use(place, now))
        other = interleaved(trail.uses)
        if other is None or now - trail.told < _TOLD_EVERY_SECONDS:
            return
        trail.told = now
        # `address` and `ip` are the names under which the journal seals an address.
        told = {
            "account": caller.account,
            "address": address,
            "ip": before,
            "networks": sorted((network, other.network)),
            "programs": "the same" if other.program == place.program else "different",
        }
        self._telling.note("security.session.interleaved", caller.session, told)


def interleaved(uses: Sequence[Use]) -> Place | None:
    """Return the place that takes turns with the newest one, if there is such a place."""
    newest = uses[-1]
    for place in {use.place for use in uses if newest.place.is_apart(use.place)}:
        turns = list(_turns(uses, newest.place, place))
        seconds = _ALIKE_SECONDS if place.program == newest.place.program else _APART_SECONDS
        if len(turns) >= _TURNS and newest.at - turns[1 - _TURNS].at <= seconds:
            return place
    return None


def _turns(uses: Sequence[Use], one: Place, other: Place) -> Iterator[Use]:
    """Yield each use of either that comes after one of the other."""
    last = None
    for use in uses:
        if use.place in (one, other) and use.place != last:
            last = use.place
            yield use


@lru_cache(maxsize=4096)
def _network(address: str) -> tuple[str, int]:
    try:
        one = ip_address(address.partition("%")[0])
    except ValueError:
        return address, 0
    one = getattr(one, "ipv4_mapped", None) or one
    if one.is_loopback:
        return "loopback", 0
    return str(ip_network(f"{one}/{24 if one.version == 4 else 48}", strict=False)), one.version


def _program(scope: Scope) -> bytes:
    return next((value for name, value in scope["headers"] if name == b"user-agent"), b"")
