"""Telemetry that stops arriving: one finding per source, and a single one when everything is silent.

A source is who sends (a target of scraping, an instance that pushes). Its interval is learnt, so nobody has to
declare it. When all of them are silent, the platform itself is blind, and that is all that can be said.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from steersman.engine.detect.registry import OBSERVED, Registry
from steersman.engine.detect.state import Columns
from steersman.engine.signals.classify import PLATFORM
from steersman.model.entities import Entity
from steersman.model.findings import Aspect, Direction, Finding, FindingSource, Severity
from steersman.model.plain import plain, read

#: A source is late after four of its intervals, never before five seconds. What is late alone gets a little more
#: time, so that sources which fall silent together are seen to do so.
_INTERVALS, _LEAST_MS, _ALONE_MS = 4.0, 5_000.0, 1_500.0
_UNKNOWN_MS = 60_000.0
_GIVEN_UP_MS = 600_000
_ALL = "*"


@dataclass(slots=True)
class Sources:
    """The findings that are open about silent sources, by the name of the source."""

    open: dict[str, Finding] = field(default_factory=dict)

    def check(self, columns: Columns, registry: Registry, now_ms: int) -> list[Finding]:
        """Return the findings about sources that began or ended."""
        rows = columns.sources[: columns.sources_n]
        silent = now_ms - rows["last_t"]
        allowed = np.where(rows["gap"] > 0, np.maximum(_INTERVALS * rows["gap"], _LEAST_MS), _UNKNOWN_MS)
        heard = (rows["live_t"] > 0) & (silent < _GIVEN_UP_MS)
        if OBSERVED in registry.source_names:
            heard[registry.source_names.index(OBSERVED)] = False
        late = heard & (silent > allowed)
        blind = int(heard.sum()) > 1 and bool((late == heard).all())
        wanted: dict[str, tuple[Entity, int, Severity]] = {}
        if blind:
            wanted[_ALL] = (PLATFORM, int(rows["last_t"][heard].max()), "critical")
        else:
            for number in np.flatnonzero(late & (silent > allowed + _ALONE_MS)).tolist():
                entity = registry.source_entities[number]
                severity = self._severity(registry, number, heard & ~late)
                wanted[registry.source_names[number]] = (entity, int(rows["last_t"][number]), severity)
        return [*self._ended(wanted, now_ms, blind=blind), *self._begun(wanted, now_ms)]

    @staticmethod
    def _severity(registry: Registry, number: int, alive: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Severity:
        """A replica that left while its siblings go on is no more than a note."""
        owner = registry.source_owners[number]
        siblings = [other for other, one in enumerate(registry.source_owners) if one == owner and other != number]
        return "info" if any(alive[sibling] for sibling in siblings) else "warning"

    def _ended(self, wanted: dict[str, tuple[Entity, int, Severity]], now_ms: int, *, blind: bool) -> list[Finding]:
        gone = [name for name in self.open if name not in wanted and not (blind and name != _ALL)]
        return [
            replace(
                self.open.pop(name), seen_ms=now_ms, ended_ms=now_ms, reason="telemetry arrives again, or was given up"
            )
            for name in gone
        ]

    def _begun(self, wanted: dict[str, tuple[Entity, int, Severity]], now_ms: int) -> list[Finding]:
        begun = []
        for name, (entity, last_ms, severity) in wanted.items():
            if name in self.open:
                continue
            what = "every source" if name == _ALL else f"source {name}"
            finding = Finding(
                key=f"{FindingSource.MISSING}:{entity.ref}:{Aspect.SOURCE}:{name}",
                entity=entity,
                aspect=Aspect.SOURCE,
                direction=Direction.GONE,
                source=FindingSource.MISSING,
                severity=severity,
                started_ms=last_ms,
                seen_ms=now_ms,
                reason=f"nothing arrived from {what} for {(now_ms - last_ms) / 1000:.0f} s",
                signal=name,
            )
            self.open[name] = finding
            begun.append(finding)
        return begun

    def export(self) -> dict[str, Any]:
        """Return the state as JSON values."""
        return {"open": [[name, plain(finding)] for name, finding in self.open.items()]}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `export` returned."""
        self.open = {name: read(Finding, values) for name, values in state["open"]}
