"""What is configured, by the half that only asks and the half that acts. Nothing is opened when this is made."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from steersman.contract.ports import Context
from steersman.model.entities import Entity, EntityKind
from steersman.model.errors import Forbidden, NotFound
from steersman.services.orchestrators.logic import allowed
from steersman.services.orchestrators.model import Changed, OrchestratorSettings, Seen
from steersman.services.orchestrators.store.kubernetes import KubernetesReader, KubernetesWriter, connected
from steersman.services.orchestrators.store.rest import Address, Reader, Writer
from steersman.services.orchestrators.store.systemd import SystemdReader, SystemdWriter

#: Keys whose outcome is remembered in memory; the journal remembers all of them.
_REMEMBERED = 1024


@dataclass(frozen=True, slots=True)
class Asking:
    """Asks the orchestrators that are configured. `seen` is what the last look at each of them found."""

    settings: OrchestratorSettings
    seen: dict[str, list[Seen]] = field(default_factory=dict)
    began_ms: dict[str, int] = field(default_factory=dict)

    def systemd(self, unit: str) -> SystemdReader:
        """Return how to ask systemd; raises `Forbidden` for a unit that its owner did not name."""
        given = self.settings.systemd
        if given is None:
            raise NotFound("no systemd is configured")
        _demand(given.units, unit, "unit")
        return SystemdReader(given.bus, self.settings.timeout_seconds)

    def docker(self, container: str) -> Reader:
        """Return how to ask the Docker engine; raises `Forbidden` for a container that its owner did not name."""
        given = self.settings.docker
        if given is None:
            raise NotFound("no Docker engine is configured")
        _demand(given.containers, container, "container")
        return docker_reader(given.socket, self.settings.timeout_seconds)

    def kubernetes(self, deployment: str) -> KubernetesReader:
        """Return how to ask the API server; raises `Forbidden` for a deployment that its owner did not name."""
        given = self.settings.kubernetes
        if given is None:
            raise NotFound("no Kubernetes is configured")
        _demand(given.deployments, deployment, "deployment")
        return connected(given, self.settings.timeout_seconds)

    def near(self, kind: str, entity: Entity) -> list[Seen]:
        """Return what was seen lately of one kind that is this entity, or that runs this service."""
        return [one for one in self.seen.get(kind, ()) if _is_near(one.entity, entity)]


@dataclass(frozen=True, slots=True)
class Orchestrators:
    """The state of the service: asks and acts."""

    looking: Asking
    _done: dict[str, Changed] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def systemd(self, unit: str) -> SystemdWriter:
        return SystemdWriter(self.looking.systemd(unit))

    def docker(self, container: str) -> Writer:
        return Writer(self.looking.docker(container))

    def kubernetes(self, deployment: str) -> KubernetesWriter:
        return KubernetesWriter(self.looking.kubernetes(deployment))

    def once(self, action: str, key: str, work: Callable[[], Changed]) -> Changed:
        """Do it, unless this process did it under this key; after a restart the prior state tells."""
        name = f"{action}\n{key}"
        with self._lock:
            if (known := self._done.get(name)) is not None:
                return known
        result = work()
        with self._lock:
            while len(self._done) >= _REMEMBERED:
                self._done.pop(next(iter(self._done)))
            return self._done.setdefault(name, result)


def asking(context: Context) -> Asking:
    """Return the half of the state that only asks, which is all that a preview gets."""
    state: Orchestrators | Asking = context.state
    return state.looking if isinstance(state, Orchestrators) else state


def docker_reader(socket: str, timeout_seconds: float) -> Reader:
    """Return how to ask the engine at a socket or a URL."""
    if socket.startswith("/"):
        return Reader(Address("the Docker engine", "http://docker", socket=socket, timeout_seconds=timeout_seconds))
    return Reader(Address("the Docker engine", socket, timeout_seconds=timeout_seconds))


def _demand(patterns: tuple[str, ...], name: str, kind: str) -> None:
    if not allowed(patterns, name):
        raise Forbidden(f"no {kind} pattern in [orchestrators] matches {name}")


def _is_near(seen: Entity, asked: Entity) -> bool:
    if seen.ref == asked.ref:
        return True
    return asked.kind is EntityKind.SERVICE and seen.label("service") == asked.id
