"""Alerts of an Alertmanager's senders as findings: whom they are about, how bad it is, and whether they are over.

The labels are read as Prometheus' own rules write them. An alert cannot mark its service as self-healing or name a
policy: what comes in here is an observation and never a permission.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from steersman.model.entities import CauseKind, Entity, EntityKind
from steersman.model.findings import Aspect, Direction, Finding, FindingSource, Severity
from steersman.model.ids import Tenant

#: FNV-1a with 64 bits and the byte between names and values, as Prometheus computes a fingerprint.
_OFFSET, _PRIME, _MASK, _BETWEEN = 0xCBF29CE484222325, 0x100000001B3, (1 << 64) - 1, 255

_SEVERITIES: Mapping[str, Severity] = {
    **dict.fromkeys(("critical", "page", "error", "fatal", "emergency", "disaster", "high"), "critical"),
    **dict.fromkeys(("info", "informational", "none", "debug", "low"), "info"),
}
#: Words of an alert's name, and what they are about; the first that fits counts.
_ASPECTS = (
    (r"latency|slow|duration|responsetime|p9\d", Aspect.LATENCY),
    (r"certificate|cert|tls", Aspect.CERTIFICATE),
    (r"crashloop|restart", Aspect.RESTARTS),
    (r"oom|memory|heap", Aspect.MEMORY),
    (r"disk|filesystem|inode|volume|storage|space", Aspect.DISK),
    (r"filedesc|descriptor|openfiles|fds", Aspect.DESCRIPTORS),
    (r"pool|connections", Aspect.POOL),
    (r"queue|backlog|lag", Aspect.QUEUE),
    (r"cpu|load|throttl", Aspect.CPU),
    (r"network|packet|interface", Aspect.NETWORK),
    (r"clock|ntp", Aspect.CLOCK),
    (r"config|reload", Aspect.CONFIGURATION),
    (r"error|5xx|fail", Aspect.ERRORS),
    (r"down|absent|unavailable|unreachable|notready|missing|dead|instance", Aspect.AVAILABILITY),
)
_WORDS = tuple((re.compile(words), aspect) for words, aspect in _ASPECTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert as it was posted; `ends_ms` may lie ahead, where the sender promises to say it again before."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_ms: int
    ends_ms: int | None
    updated_ms: int
    generator: str = ""

    @property
    def fingerprint(self) -> str:
        """The alert's identity: the same labels are the same alert."""
        return fingerprint(self.labels)

    @property
    def key(self) -> str:
        """The key of its finding."""
        return f"alert:{self.fingerprint}"

    def over(self, now_ms: int) -> bool:
        """Whether it has ended, by its sender's word or by its silence."""
        return self.ends_ms is not None and self.ends_ms <= now_ms


def fingerprint(labels: Mapping[str, str]) -> str:
    """Return Prometheus' fingerprint of a set of labels, 16 hexadecimal digits."""
    found = _OFFSET
    for name in sorted(labels):
        for byte in (*name.encode(), _BETWEEN, *labels[name].encode(), _BETWEEN):
            found = ((found ^ byte) * _PRIME) & _MASK
    return f"{found:016x}"


def finding_of(alert: Alert, tenant: Tenant, now_ms: int) -> Finding:
    """Return the finding that an alert is."""
    name = alert.labels.get("alertname", "")
    aspect = _aspect(alert.labels, name)
    return Finding(
        key=alert.key,
        entity=_entity(alert.labels, name),
        aspect=aspect,
        direction=Direction.GONE if aspect is Aspect.AVAILABILITY else Direction.HIGH,
        source=FindingSource.ALERT,
        severity=_SEVERITIES.get(alert.labels.get("severity", "").lower(), "warning"),
        started_ms=alert.starts_ms,
        seen_ms=alert.updated_ms,
        reason=_reason(alert, name),
        signal=name,
        suggests=_suggested(alert.labels),
        ended_ms=alert.ends_ms if alert.over(now_ms) else None,
        tenant=tenant,
    )


def _entity(labels: Mapping[str, str], name: str) -> Entity:
    """A service where one is named, else a machine, else the alert's own name: the platform is not to blame."""
    job, instance = labels.get("job"), labels.get("instance")
    service = labels.get("service") or labels.get("service_name")
    if service:
        return Entity(EntityKind.SERVICE, service)
    if instance and (job is None or job.startswith("node") or name.startswith(("Node", "Host"))):
        return Entity(EntityKind.HOST, instance)
    return Entity(EntityKind.SERVICE, job or name or "unnamed")


def _aspect(labels: Mapping[str, str], name: str) -> Aspect:
    named = labels.get("aspect")
    if named in set(Aspect):
        return Aspect(named)
    squeezed = name.lower().replace("_", "").replace("-", "").replace(" ", "")
    return next((aspect for words, aspect in _WORDS if words.search(squeezed)), Aspect.OTHER)


def _reason(alert: Alert, name: str) -> str:
    said = (alert.annotations.get(key) for key in ("summary", "description", "message"))
    return next((text for text in said if text), "") or f"{name or 'an alert'} is firing"


def _suggested(labels: Mapping[str, str]) -> frozenset[CauseKind]:
    cause = labels.get("cause")
    return frozenset({CauseKind(cause)}) if cause in set(CauseKind) else frozenset()


def merged(known: Alert | None, new: Alert, now_ms: int) -> Alert:
    """Return what is known of an alert after it was posted again: one that goes on began when it first did."""
    if known is None or known.over(now_ms):
        return new
    return Alert(
        labels=new.labels,
        annotations=new.annotations,
        starts_ms=min(known.starts_ms, new.starts_ms),
        ends_ms=new.ends_ms,
        updated_ms=new.updated_ms,
        generator=new.generator,
    )


def differs(known: Alert | None, new: Alert, now_ms: int) -> bool:
    """Whether an alert says something that has not been decided upon."""
    if known is None:
        return True
    return (known.starts_ms, known.over(now_ms)) != (new.starts_ms, new.over(now_ms))
