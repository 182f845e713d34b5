"""Reads a series' labels once: whose it is, what it says, which signals it feeds.

Nothing here knows a particular system. Where a label has several usual names, they are tried in the order of their
precision. What cannot be told is watched as a plain signal and never guessed at.
"""

from __future__ import annotations

from collections.abc import Mapping

from steersman.engine.signals.rules import Part, Rule, rule_for
from steersman.engine.signals.terms import Classified, Feed, Judgement, Reading, Role, Signal
from steersman.model.entities import Entity, EntityKind
from steersman.model.findings import Aspect
from steersman.model.labels import METRIC_NAME, Labels

PLATFORM = Entity(EntityKind.PLATFORM, "steersman")

_SERVICE = ("service", "service_name", "job")
_REPLICA = ("replica", "service_instance_id", "instance")
_PEER = ("peer", "peer_service", "upstream", "target_service")
_HOST = ("nodename", "node", "host", "instance")
#: Labels that say how a unit of work ended, in the spellings of Prometheus clients, OpenTelemetry and gRPC.
_OUTCOME = (
    "code",
    "status",
    "status_code",
    "http_status",
    "http_status_code",
    "http_response_status_code",
    "response_code",
    "grpc_code",
    "grpc_status",
    "rpc_grpc_status_code",
    "outcome",
    "result",
    "error",
)
#: What the owner of a service says about it, and policy reads.
OWNERS_LABELS = ("self_healing", "environment", "owner", "criticality")
#: Outcomes that are no failure of the one who answered. A client's mistake (4xx) is not one either.
_GOOD = frozenset(
    [
        "ok",
        "success",
        "succeeded",
        "successful",
        "hit",
        "miss",
        "true",
        "none",
        "0",
        "false",
        "redirect",
        "cancelled",
        "canceled",
    ]
)
_GRPC_CLIENT = frozenset(
    [
        "NOTFOUND",
        "NOT_FOUND",
        "ALREADYEXISTS",
        "ALREADY_EXISTS",
        "INVALIDARGUMENT",
        "INVALID_ARGUMENT",
    ]
)
_LEVEL = ("level", "severity", "severity_text", "loglevel")
_ERROR_LEVELS = frozenset(["error", "err", "critical", "crit", "fatal", "alert", "emergency", "emerg", "panic"])
#: File systems that are full by design or hold no files of their own.
_PSEUDO = frozenset(
    [
        "tmpfs",
        "devtmpfs",
        "overlay",
        "squashfs",
        "iso9660",
        "proc",
        "sysfs",
        "cgroup",
        "cgroup2",
        "ramfs",
        "erofs",
        "autofs",
    ]
)

_WORDS = (
    (Aspect.CPU, ("cpu", "load1", "load5", "load15")),
    (Aspect.MEMORY, ("memory", "mem", "heap", "swap")),
    (Aspect.DISK, ("disk", "filesystem", "fs", "volume", "storage")),
    (Aspect.NETWORK, ("network", "net", "tcp", "udp", "netstat", "bytes")),
    (Aspect.LATENCY, ("latency", "duration", "rtt")),
    (Aspect.ERRORS, ("error", "errors", "failed", "failures")),
    (Aspect.TRAFFIC, ("requests", "calls", "queries", "ops")),
    (Aspect.QUEUE, ("queue", "backlog")),
    (Aspect.CACHE, ("cache",)),
    (Aspect.THREADS, ("threads", "goroutines", "workers")),
    (Aspect.POOL, ("pool", "connections")),
)


def _first(labels: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((labels[name] for name in names if name in labels), "")


def _entity(name: str, labels: Mapping[str, str]) -> Entity:
    if name.startswith("node_"):
        return Entity(EntityKind.HOST, _first(labels, _HOST) or "localhost")
    if name.startswith("steersman_"):
        return PLATFORM
    service = _first(labels, _SERVICE)
    if service:
        owners = tuple((label, labels[label]) for label in sorted(OWNERS_LABELS) if label in labels)
        return Entity(EntityKind.SERVICE, service, owners)
    if "pod" in labels:
        return Entity(EntityKind.POD, "/".join(filter(None, (labels.get("namespace"), labels["pod"]))))
    return Entity(EntityKind.PROCESS, _first(labels, _REPLICA) or "unlabelled")


def _replica(entity: Entity, labels: Mapping[str, str]) -> Entity | None:
    """The process of a service that a series is about. A lone `job` with an `instance` is a source, not a replica."""
    if entity.kind is not EntityKind.SERVICE:
        return None
    name = labels.get("replica") or labels.get("service_instance_id")
    if not name and "service" in labels:
        name = labels.get("instance")
    if not name:
        return None
    return Entity(EntityKind.PROCESS, name if "/" in name else f"{entity.id}/{name}")


def _source(entity: Entity, labels: Mapping[str, str]) -> str:
    """Who sends: series of one source arrive together, so they are missed together."""
    if labels[METRIC_NAME].startswith("observed_"):
        return "observed"
    parts = (labels.get("job", ""), labels.get("service", ""), labels.get("replica", ""), labels.get("instance", ""))
    return "/".join(filter(None, parts)) or entity.ref


def outcome(labels: Mapping[str, str]) -> str:
    """Return "good" or "bad" for work whose labels say how it ended, else ""."""
    for name in _OUTCOME:
        if name in labels:
            return "good" if _is_good(name, labels[name]) else "bad"
    return ""


def _is_good(name: str, value: str) -> bool:
    if len(value) == 3 and value[0] in "12345" and value[1:].replace("x", "0").isdigit():
        return value[0] != "5"
    if name == "error":
        return value.lower() in {"", "false", "0", "none"}
    return value.lower() in _GOOD or value.upper() in _GRPC_CLIENT


def _conditions(name: str, labels: Mapping[str, str]) -> frozenset[str]:
    """The `when` of the rules that hold for a series."""
    ended = outcome(labels)
    found = {"outcome", ended} if ended else {"good"} if name.endswith("_total") else set()
    found.add("idle" if labels.get("mode") in {"idle", "iowait", "steal"} else "busy")
    if _first(labels, _LEVEL).lower() in _ERROR_LEVELS:
        found.add("error_level")
    if labels.get("fstype") not in _PSEUDO:
        found.add("real_disk")
    return frozenset(found)


def _aspect(name: str) -> Aspect:
    words = set(name.lower().replace(":", "_").split("_"))
    return next((aspect for aspect, known in _WORDS if words.intersection(known)), Aspect.OTHER)


def _signal(part: Part, stem: str, entity: Entity, peer: Entity | None) -> Signal:
    name = part.signal.replace("{stem}", stem)
    return Signal(entity, part.aspect, name, part.judgement, part.formula, part.across, peer)


def _feeds(rule: Rule, stem: str, labels: Labels, entity: Entity, replica: Entity | None) -> tuple[Feed, ...]:
    names = dict(labels)
    conditions = _conditions(names[METRIC_NAME], names)
    peer_name = _first(names, _PEER)
    peer = Entity(EntityKind.SERVICE, peer_name) if peer_name else None
    group = "\0".join(f"{name}={value}" for name, value in labels if name != METRIC_NAME)
    # The mean and the failures of one operation are lost among those of all others; how much is asked for is not.
    by = f"[{names['operation']}]" if "operation" in names and names[METRIC_NAME].startswith("observed_") else ""
    feeds = []
    for part in rule.parts:
        if part.when and part.when not in conditions:
            continue
        signal = _signal(part, stem + by, entity, peer)
        feeds.append(Feed(signal, part.role, group))
        if part.replica is not None and replica is not None:
            own = Signal(replica, signal.aspect, signal.name, part.replica, signal.formula, signal.across)
            feeds.append(Feed(own, part.role, group))
    return tuple(feeds)


def _plain(rule: Rule, labels: Labels, entity: Entity) -> Feed:
    name = dict(labels)[METRIC_NAME]
    inner = ",".join(f'{label}="{value}"' for label, value in labels if label != METRIC_NAME)
    aspect = rule.aspect if rule.aspect is not Aspect.OTHER else _aspect(name)
    return Feed(Signal(entity, aspect, f"{name}{{{inner}}}", Judgement.PLAIN), Role.NUMERATOR)


def classify(labels: Labels) -> Classified:
    """Say what a series is. Pure: the same labels always say the same."""
    named = dict(labels)
    name = named.get(METRIC_NAME, "")
    rule, stem = rule_for(name)
    entity = _entity(name, named)
    replica = _replica(entity, named)
    feeds = () if rule.reading in {Reading.IGNORED, Reading.INFO} else _feeds(rule, stem, labels, entity, replica)
    if not feeds and rule.reading not in {Reading.IGNORED, Reading.INFO} and not rule.parts:
        feeds = (_plain(rule, labels, entity),)
    host = named.get("nodename") or named.get("node") or named.get("host")
    peer = _first(named, _PEER)
    return Classified(
        reading=rule.reading,
        entity=entity,
        source=_source(entity, named),
        feeds=feeds,
        scale=rule.scale,
        owner=replica,
        host=Entity(EntityKind.HOST, host) if host and entity.kind is EntityKind.SERVICE else None,
        peer=Entity(EntityKind.SERVICE, peer) if peer else None,
    )
