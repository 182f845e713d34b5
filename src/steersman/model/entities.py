"""What can be watched and acted upon, and what can be wrong with it. Both are closed sets."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class EntityKind(StrEnum):
    """The kinds of thing that a signal describes and an action targets."""

    PLATFORM = "platform"
    HOST = "host"
    PROCESS = "process"
    SERVICE = "service"
    CONTAINER = "container"
    POD = "pod"
    NODE = "node"
    DATABASE = "database"
    MODEL = "model"
    COLLECTION = "collection"
    JOB = "job"
    BUSINESS_OBJECT = "business_object"


@dataclass(frozen=True, slots=True)
class Entity:
    """One thing with a stable identity inside a tenant."""

    kind: EntityKind
    id: str
    labels: tuple[tuple[str, str], ...] = ()

    @property
    def ref(self) -> str:
        """Its name among all entities of a tenant; labels are no part of it."""
        return f"{self.kind}:{self.id}"

    def label(self, name: str, otherwise: str = "") -> str:
        """Return the value of a label."""
        return next((value for known, value in self.labels if known == name), otherwise)


class CauseKind(StrEnum):
    """What can be behind an incident. A remedy declares which of these it helps with."""

    CRASH = "crash"
    CRASH_LOOP = "crash_loop"
    HANG = "hang"
    MEMORY_LEAK = "memory_leak"
    CPU_SATURATION = "cpu_saturation"
    DISK_FULL = "disk_full"
    DESCRIPTOR_LEAK = "descriptor_leak"
    POOL_EXHAUSTION = "pool_exhaustion"
    SLOW_DEPENDENCY = "slow_dependency"
    FAILING_DEPENDENCY = "failing_dependency"
    BAD_DEPLOY = "bad_deploy"
    BAD_CONFIG = "bad_config"
    BACKLOG = "backlog"
    CACHE_STAMPEDE = "cache_stampede"
    LOCK_CONTENTION = "lock_contention"
    LOG_FLOOD = "log_flood"
    EXPIRED_CERTIFICATE = "expired_certificate"
    CLOCK_JUMP = "clock_jump"
    NETWORK_LOSS = "network_loss"
    NOISY_NEIGHBOUR = "noisy_neighbour"
    TRAFFIC_SURGE = "traffic_surge"
    SOURCE_MISSING = "source_missing"
    ATTACK = "attack"
    DATA_CORRUPTION = "data_corruption"
    CARDINALITY = "cardinality"
