"""Looks at the configured orchestrators every few seconds and tells the loop what runs there and what does not.

Where none is configured it ends at once, and no connection is ever opened. A peer that does not answer is a finding
of its own about this platform's source; what it said last is not taken for what is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from steersman.contract.ports import Context, Observer
from steersman.model.entities import CauseKind, Entity, EntityKind
from steersman.model.errors import SteersmanError
from steersman.model.findings import Aspect, Direction, Finding, FindingSource
from steersman.services.orchestrators.logic import allowed, containers_seen, deployments_seen, units_seen
from steersman.services.orchestrators.model import OrchestratorSettings, Seen
from steersman.services.orchestrators.store.connections import Asking, asking, docker_reader
from steersman.services.orchestrators.store.kubernetes import connected
from steersman.services.orchestrators.store.systemd import SystemdReader


@dataclass(frozen=True, slots=True)
class Peer:
    """One orchestrator: which kind of thing it runs, and how to look at all of them."""

    name: str
    kind: str
    look: Callable[[], list[Seen]]


async def watch(context: Context) -> None:
    """Look and report until the platform stops."""
    looking, clock = asking(context), context.ports.clock
    while peers := peers_of(looking.settings):
        await asyncio.to_thread(look_at_all, context, peers)
        await clock.sleep(looking.settings.interval_seconds)


def peers_of(settings: OrchestratorSettings) -> list[Peer]:
    """Return what is configured."""
    found = []
    if (systemd := settings.systemd) is not None:
        reader = SystemdReader(systemd.bus, settings.timeout_seconds)
        found.append(Peer("systemd", "unit", lambda: list(units_seen(reader.units(systemd.units)))))
    if (docker := settings.docker) is not None:
        engine = docker_reader(docker.socket, settings.timeout_seconds)
        found.append(
            Peer("docker", "container", lambda: list(containers_seen(engine.get("/containers/json", {"all": "1"}))))
        )
    if (kubernetes := settings.kubernetes) is not None:
        server = connected(kubernetes, settings.timeout_seconds)
        found.append(Peer("kubernetes", "deployment", lambda: list(deployments_seen(server.deployments()))))
    return found


def look_at_all(context: Context, peers: list[Peer]) -> None:
    """Ask each of them once; one that fails is told and does not keep the others from being asked."""
    looking = asking(context)
    observer: Observer | None = context.ports.provided.get(Observer)
    for peer in peers:
        silent = ""
        try:
            looking.seen[peer.kind] = [one for one in peer.look() if allowed(_patterns(looking, peer.kind), one.name)]
        except SteersmanError as error:
            looking.seen.pop(peer.kind, None)
            silent = error.message
        if observer is not None:
            seen = looking.seen.get(peer.kind, [])
            observer.declare([one.entity for one in seen])
            for finding in findings(looking, peer, silent, context.ports.clock.wall_ns() // 1_000_000):
                observer.found(finding)


def _patterns(looking: Asking, kind: str) -> tuple[str, ...]:
    settings = looking.settings
    given = {
        "unit": settings.systemd.units if settings.systemd else (),
        "container": settings.docker.containers if settings.docker else (),
        "deployment": settings.kubernetes.deployments if settings.kubernetes else (),
    }
    return given[kind]


def findings(looking: Asking, peer: Peer, silent: str, now_ms: int) -> Iterator[Finding]:
    """Yield what is in trouble, still is, or no longer is; while a peer is silent, nothing of what it runs ends."""
    source = Entity(EntityKind.PLATFORM, "steersman")
    yield from _one(looking, f"orchestrators:{peer.name}", source, silent, frozenset(), now_ms)
    if silent:
        return
    present = looking.seen.get(peer.kind, [])
    keys = {f"orchestrators:{peer.kind}:{one.name}": one for one in present}
    for key, one in keys.items():
        suggests = frozenset({CauseKind.CRASH_LOOP if one.restarting else CauseKind.CRASH})
        yield from _one(looking, key, one.entity, one.trouble, suggests, now_ms)
    prefix = f"orchestrators:{peer.kind}:"
    for key in [known for known in looking.began_ms if known.startswith(prefix) and known not in keys]:
        name = key.removeprefix(prefix)
        kind = EntityKind.CONTAINER if peer.kind == "container" else EntityKind.SERVICE
        gone = Entity(kind, name.removesuffix(".service") if peer.kind == "unit" else name)
        yield from _one(looking, key, gone, "", frozenset(), now_ms)


def _one(
    looking: Asking, key: str, entity: Entity, trouble: str, suggests: frozenset[CauseKind], now_ms: int
) -> Iterator[Finding]:
    if not trouble and key not in looking.began_ms:
        return
    started = looking.began_ms.setdefault(key, now_ms)
    if not trouble:
        del looking.began_ms[key]
    is_source = entity.kind is EntityKind.PLATFORM
    yield Finding(
        key=key,
        entity=entity,
        aspect=Aspect.SOURCE if is_source else Aspect.AVAILABILITY,
        direction=Direction.GONE,
        source=FindingSource.MISSING if is_source else FindingSource.HEALTH,
        severity="warning" if is_source else "critical",
        started_ms=started,
        seen_ms=now_ms,
        reason=trouble or "it is well again",
        suggests=suggests,
        ended_ms=None if trouble else now_ms,
    )
