"""Versions that change: most incidents begin with one, so an `_info` series with another version is worth a note."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from steersman.engine.detect.registry import Registry
from steersman.engine.detect.state import Columns
from steersman.model.entities import Entity
from steersman.model.findings import Aspect, Direction, Finding, FindingSource
from steersman.model.labels import METRIC_NAME, decode_labels
from steersman.model.plain import plain, read

_VERSION = ("version", "revision", "commit", "hash", "service_version")
_NOTE_MS = 60_000
_FRESH_MS = 5_000


@dataclass(slots=True)
class Versions:
    """The versions that run, by entity and metric, and the open notes."""

    running: dict[str, list[str]] = field(default_factory=dict)
    open: dict[str, Finding] = field(default_factory=dict)

    def check(self, columns: Columns, registry: Registry, now_ms: int) -> list[Finding]:
        """Return the notes that began or ended."""
        found: dict[str, tuple[Entity, list[str]]] = {}
        for number, series in registry.infos.items():
            row = columns.series[number]
            labels = dict(decode_labels(registry.keys.key(number)))
            version = next((labels[name] for name in _VERSION if name in labels), "")
            if version and now_ms - row["last_t"] <= max(_FRESH_MS, 3 * row["gap"]):
                name = f"{labels[METRIC_NAME]}@{series.entity.ref}"
                found.setdefault(name, (series.entity, []))[1].append(version)
        return [*self._ended(now_ms), *self._begun(found, now_ms)]

    def _ended(self, now_ms: int) -> list[Finding]:
        over = [name for name, finding in self.open.items() if now_ms - finding.started_ms >= _NOTE_MS]
        return [replace(self.open.pop(name), seen_ms=now_ms, ended_ms=now_ms) for name in over]

    def _begun(self, found: dict[str, tuple[Entity, list[str]]], now_ms: int) -> list[Finding]:
        begun = []
        for name, (entity, versions) in found.items():
            now, known = sorted(set(versions)), self.running.get(name)
            self.running[name] = now
            new = [version for version in now if known is not None and version not in known]
            if not new:
                continue
            metric = name.partition("@")[0]
            finding = Finding(
                key=f"{FindingSource.DETECTOR}:{entity.ref}:{Aspect.CONFIGURATION}:{metric}",
                entity=entity,
                aspect=Aspect.CONFIGURATION,
                direction=Direction.NEW,
                source=FindingSource.DETECTOR,
                severity="info",
                started_ms=now_ms,
                seen_ms=now_ms,
                reason=f"{metric} of {entity.id} is {', '.join(new)}, was {', '.join(known or ())}",
                signal=metric,
            )
            self.open[name] = finding
            begun.append(finding)
        return begun

    def export(self) -> dict[str, Any]:
        """Return the state as JSON values."""
        return {
            "running": self.running,
            "open": [[name, plain(finding)] for name, finding in self.open.items()],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `export` returned."""
        self.open = {name: read(Finding, values) for name, values in state["open"]}
        self.running = state["running"]
