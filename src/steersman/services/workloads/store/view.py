"""The half of the fleet that can change nothing: for previews, answers and everyone who only looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from steersman.contract.ports import Clock
from steersman.model.errors import NotFound
from steersman.services.workloads.logic.health import condition
from steersman.services.workloads.model.definition import ServiceDefinition
from steersman.services.workloads.model.replicas import Condition, Replica
from steersman.services.workloads.model.versions import Track, Version


class FleetView:
    """Reads the table of replicas. The mappings that it is given refuse changes."""

    def __init__(
        self,
        definitions: Mapping[str, ServiceDefinition],
        replicas: Mapping[str, Replica],
        counts: Mapping[str, int],
        versions: Callable[[Track], tuple[Version, ...]],
        folder: Path,
        clock: Clock,
    ) -> None:
        self.definitions = definitions
        self._replicas = replicas
        self._counts = counts
        self.versions = versions
        self._folder = folder
        self._clock = clock

    def now_ms(self) -> int:
        return self._clock.wall_ns() // 1_000_000

    def definition(self, service: str) -> ServiceDefinition:
        """Return a service's definition; raises `NotFound`."""
        found = self.definitions.get(service)
        if found is None:
            raise NotFound(f"there is no service {service!r} in the settings")
        return found

    def count(self, service: str) -> int:
        """Return how many replicas a service should have."""
        return self._counts.get(service, self.definition(service).replicas)

    def replica(self, service: str, number: int) -> Replica:
        """Return a replica; raises `NotFound`."""
        found = self._replicas.get(f"{service}/{number}")
        if found is None or service not in self.definitions:
            raise NotFound(f"{service} has no replica {number}")
        return found

    def replicas(self, service: str) -> list[Replica]:
        """Return the replicas of a service, in order."""
        self.definition(service)
        return sorted((one for one in self._all() if one.service == service), key=lambda one: one.number)

    def everyone(self) -> list[Replica]:
        """Return every replica of every service."""
        return [replica for service in self.definitions for replica in self.replicas(service)]

    def condition(self, replica: Replica) -> Condition:
        return condition(replica, self.definition(replica.service), self.now_ms())

    def is_well(self, service: str) -> bool:
        """Tell whether a service has a replica that answers."""
        return any(self.condition(one) is Condition.HEALTHY for one in self.replicas(service))

    def before(self, track: Track) -> Version | None:
        """Return the version that a track had before the present one."""
        versions = self.versions(track)
        return next((one for one in reversed(versions) if one.value != versions[-1].value), None)

    def log_of(self, service: str, number: int) -> Path:
        return self._folder / service / f"{number}.log"

    def _all(self) -> list[Replica]:
        return list(self._replicas.values())
