"""Notices a caller who is refused one object after the other, which is what trying of ids looks like.

Somebody who lost a permission asks for the same few things again and again; whoever tries asks for many different ones.
So different paths are counted, of answers 403, and of 404 where the path leads to an object. Nothing is refused here.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from starlette.types import Scope

from steersman.contract.ports import Caller, Clock
from steersman.runtime.http.scope import CALLER, TEMPLATE, address_of
from steersman.runtime.http.telling import Telling

REFUSALS = frozenset({403, 404})
#: So many different objects within so long; a page of the console asks for a handful.
_OBJECTS, _SECONDS = 30, 300.0
_REMEMBERED = 5_000


@dataclass(slots=True)
class _Tried:
    since: float
    paths: set[int] = field(default_factory=set)


class Probes:
    """Counts for the callers who were refused last, on the event loop only."""

    def __init__(self, clock: Clock, telling: Telling) -> None:
        self._clock = clock
        self._telling = telling
        self._tried: OrderedDict[tuple[str, str], _Tried] = OrderedDict()

    def refused(self, scope: Scope, status: int) -> None:
        """Count an answer of the control API, if it says something about an object."""
        caller: Caller | None = scope.get(CALLER)
        if caller is None or (status == 404 and "{" not in scope.get(TEMPLATE, "")):
            return
        key, now = (caller.tenant, caller.key or caller.account or caller.subject), self._clock.monotonic()
        tried = self._tried.get(key)
        if tried is None or now - tried.since > _SECONDS:
            self._tried.pop(key, None)
            if len(self._tried) >= _REMEMBERED:
                self._tried.popitem(last=False)
            tried = self._tried[key] = _Tried(now)
        before = len(tried.paths)
        if before < _OBJECTS:
            tried.paths.add(hash(scope["path"]))
        if before < _OBJECTS == len(tried.paths):
            told = {"account": caller.account, "address": address_of(scope), "objects": _OBJECTS}
            self._telling.note("security.objects.probed", caller.account or caller.subject, told)
