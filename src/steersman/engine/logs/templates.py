"""Log templates: lines that differ only in their parameters are one, so that a new kind of line can be noticed.

The idea is that of Drain (He et al., ICWS 2017): lines with as many tokens and the same beginning are compared token
by token, and where they differ the template gets a wildcard. The state is bounded and fit for JSON, the same lines in
the same order give the same templates, and a flood of lines is mined by sample but counted in full.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from steersman.engine.decode.severity import leading_severity
from steersman.model.entities import Entity, EntityKind
from steersman.model.findings import Aspect, Direction, Finding, FindingSource
from steersman.model.labels import Labels
from steersman.model.plain import plain, read
from steersman.model.telemetry import LogColumns

WILDCARD = "<*>"
_MOST_TEMPLATES, _MOST_TOKENS, _MOST_CHARS, _MOST_SERVICES = 1_000, 40, 600, 200
_MINED_PER_ROUND = 300
_ALIKE = 0.6
_ERROR = 17  # OpenTelemetry's severity number from which on a line tells of an error
_WARN = 13
_OLD_MS, _FAMILIAR_MS, _REPEATS, _REPEAT_MS, _QUIET_MS = 180_000, 600_000, 4, 30_000, 12_000
_NS_PER_MS = 1_000_000
_KNOWN = "known"
#: What is a parameter by its looks: numbers, times, hex, addresses, paths, quoted text.
_PARAMETER = re.compile(r"\d|^(?:[0-9a-fA-F-]{8,}|/.*|\".*\"|'.*')$")


@dataclass(slots=True)
class Template:
    """A kind of line: its tokens, how often it came, and when it came first and last (ms)."""

    service: str
    tokens: list[str]
    severity: int
    count: int
    first_ms: int
    last_ms: int
    recent: int = 0  # since `recent_ms`
    recent_ms: int = 0
    told: str = ""  # the key of the finding about it, or `_KNOWN` when it was no news

    @property
    def text(self) -> str:
        return " ".join(self.tokens)


@dataclass(slots=True)
class TemplateMiner:
    """Templates by service. `add` returns the one that a line belongs to."""

    groups: dict[str, list[Template]] = field(default_factory=dict)
    size: int = 0

    def add(self, service: str, severity: int, body: str, time_ms: int, weight: int = 1) -> Template:
        """Count a line, which may stand for `weight` of its like."""
        tokens = [
            WILDCARD if _PARAMETER.search(token) else token for token in body[:_MOST_CHARS].split()[:_MOST_TOKENS]
        ]
        group = self.groups.setdefault(f"{service}\0{len(tokens)}\0{tokens[0] if tokens else ''}", [])
        template = next((one for one in group if _alike(one.tokens, tokens)), None)
        if template is None:
            template = Template(service, tokens, severity, 0, time_ms, time_ms, 0, time_ms)
            group.append(template)
            self.size += 1
            self._forget()
        elif template.tokens != tokens:
            pairs = zip(template.tokens, tokens, strict=True)
            template.tokens = [left if left == right else WILDCARD for left, right in pairs]
        template.count += weight
        template.severity = max(template.severity, severity)
        template.last_ms = max(template.last_ms, time_ms)
        return template

    def templates(self) -> Iterator[Template]:
        """Yield all templates in the order of their groups."""
        return (template for group in self.groups.values() for template in group)

    def _forget(self) -> None:
        """Drop the half that was not seen for longest, once there are too many."""
        if self.size <= _MOST_TEMPLATES:
            return
        kept = {id(one) for one in sorted(self.templates(), key=lambda one: -one.last_ms)[: _MOST_TEMPLATES // 2]}
        groups = {name: [one for one in group if id(one) in kept] for name, group in self.groups.items()}
        self.groups = {name: group for name, group in groups.items() if group}
        self.size = sum(map(len, self.groups.values()))


def _alike(known: Sequence[str], tokens: Sequence[str]) -> bool:
    if len(known) != len(tokens):
        return False
    same = sum(left in {right, WILDCARD} for left, right in zip(known, tokens, strict=True))
    return same >= _ALIKE * len(known)


def _level(severity: int) -> str:
    return "error" if severity >= _ERROR else "warn" if severity >= _WARN else "info"


class LogSense:
    """Counts lines per service and level as counters, and notices error templates that are new and repeat."""

    def __init__(self) -> None:
        self.miner = TemplateMiner()
        self._lines: dict[tuple[str, str], int] = {}
        self._since: dict[str, int] = {}
        self._open: dict[str, Finding] = {}
        self._repeating: list[Template] = []

    def fold(self, logs: Sequence[LogColumns], now_ms: int) -> list[tuple[Labels, float]]:
        """Take in lines; return the counters `observed_log_lines_total` of all services seen so far."""
        rows = sorted(
            (service, time_ns, severity, body)
            for columns in logs
            for service, time_ns, severity, body in zip(
                columns.service, columns.time_ns, columns.severity, columns.body, strict=True
            )
        )
        mined: dict[str, int] = {}
        for service, time_ns, given, body in rows:
            if not self._admit(service, time_ns // _NS_PER_MS):
                continue
            severity = given or leading_severity(body)
            time_ms = time_ns // _NS_PER_MS
            if time_ms >= now_ms - _OLD_MS:
                self._lines[service, _level(severity)] += 1
            mined[service] = mined.get(service, 0) + 1
            if mined[service] <= _MINED_PER_ROUND:
                self._mine(service, severity, body, min(time_ms, now_ms), now_ms)
        return [(_labels(service, level), float(count)) for (service, level), count in self._lines.items()]

    def _admit(self, service: str, time_ms: int) -> bool:
        if service not in self._since:
            if len(self._since) >= _MOST_SERVICES:
                return False
            self._since[service] = time_ms
            self._lines.update({(service, level): 0 for level in ("info", "warn", "error")})
        return True

    def _mine(self, service: str, severity: int, body: str, time_ms: int, now_ms: int) -> None:
        template = self.miner.add(service, severity, body, time_ms)
        if severity < _ERROR or time_ms < now_ms - _OLD_MS:
            return
        if now_ms - template.recent_ms > _REPEAT_MS:
            template.recent, template.recent_ms = 0, now_ms
        template.recent += 1
        if template.recent == _REPEATS and not template.told:
            self._repeating.append(template)

    def findings(self, now_ms: int) -> list[Finding]:
        """Return the findings about error templates that began or ended."""
        found = list(self._ended(now_ms)) if self._open else []
        for template in self._repeating:
            age = now_ms - template.first_ms
            new = template.first_ms - self._since[template.service] > _REPEAT_MS and age <= _FAMILIAR_MS
            finding = _finding(template, now_ms)
            template.told = finding.key if new else _KNOWN
            if new and finding.key not in self._open:
                self._open[finding.key] = finding
                found.append(finding)
        self._repeating = []
        return found

    def _ended(self, now_ms: int) -> Iterator[Finding]:
        alive = {one.told: one for one in self.miner.templates() if one.told}
        for key, finding in list(self._open.items()):
            template = alive.get(key)
            quiet = _FAMILIAR_MS if template is None else now_ms - template.last_ms
            if quiet > _QUIET_MS or now_ms - finding.started_ms > _FAMILIAR_MS:
                del self._open[key]
                why = "the line stopped" if quiet > _QUIET_MS else "the line is no longer new"
                yield replace(finding, seen_ms=now_ms, ended_ms=now_ms, reason=why)

    def export(self) -> dict[str, Any]:
        """Return the state as JSON values."""
        return {
            "groups": [[name, [asdict(one) for one in group]] for name, group in self.miner.groups.items()],
            "lines": [[service, level, count] for (service, level), count in self._lines.items()],
            "since": list(map(list, self._since.items())),
            "open": [plain(finding) for finding in self._open.values()],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `export` returned."""
        self.miner.groups = {name: [Template(**one) for one in group] for name, group in state["groups"]}
        self.miner.size = sum(map(len, self.miner.groups.values()))
        self._lines = {(service, level): count for service, level, count in state["lines"]}
        self._since = dict(state["since"])
        self._open = {one["key"]: read(Finding, one) for one in state["open"]}


def _labels(service: str, level: str) -> Labels:
    return (("__name__", "observed_log_lines_total"), ("level", level), ("service", service))


def _finding(template: Template, now_ms: int) -> Finding:
    entity = Entity(EntityKind.SERVICE, template.service)
    text = template.text[:200]
    return Finding(
        key=f"{FindingSource.LOG}:{entity.ref}:{Aspect.LOG_PATTERN}:{text}",
        entity=entity,
        aspect=Aspect.LOG_PATTERN,
        direction=Direction.NEW,
        source=FindingSource.LOG,
        severity="warning",
        started_ms=template.first_ms,
        seen_ms=now_ms,
        reason=f'a new error line came {template.recent} times within {_REPEAT_MS // 1000} s: "{text}"',
        value=float(template.recent),
        signal=text,
    )
