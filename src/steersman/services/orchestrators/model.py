"""What an owner lets be acted upon at systemd, Docker and Kubernetes, and the values that go there and back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from steersman.model.entities import Entity, EntityKind

_URL = re.compile(r"https?://[^/@]+")


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SystemdSettings(_Section):
    """Units by glob, on the system's bus or another one's address."""

    units: tuple[str, ...] = Field(min_length=1)
    bus: str = "system"


class DockerSettings(_Section):
    """Containers by glob over their names, at the engine's socket or at an http:// address."""

    containers: tuple[str, ...] = Field(min_length=1)
    socket: str = "/var/run/docker.sock"

    @field_validator("socket")
    @classmethod
    def _check_socket(cls, value: str) -> str:
        if not value.startswith("/") and not _URL.fullmatch(value):
            raise ValueError("the engine is at an absolute path of a socket or at http://HOST:PORT")
        return value


class KubernetesSettings(_Section):
    """Deployments by glob in one namespace. The token is read anew for each request, as the kubelet renews it."""

    api_server: str
    deployments: tuple[str, ...] = Field(min_length=1)
    namespace: str = Field(default="default", pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")
    token_file: str | None = None
    ca_file: str | None = None

    @field_validator("api_server")
    @classmethod
    def _check_server(cls, value: str) -> str:
        if not _URL.fullmatch(value):
            raise ValueError("the API server is at https://HOST:PORT, without a path or a password")
        return value


class OrchestratorSettings(_Section):
    """The section [orchestrators]. What is not given is never connected to."""

    systemd: SystemdSettings | None = None
    docker: DockerSettings | None = None
    kubernetes: KubernetesSettings | None = None
    interval_seconds: float = Field(default=10.0, ge=0.5)
    timeout_seconds: float = Field(default=10.0, gt=0, le=60)


#: What a name may be: it goes into a path and must not lead to another one.
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.@:\\-]{0,253}$")]
Signal = Annotated[str, StringConstraints(pattern=r"^SIG[A-Z0-9+-]{2,12}$")]


@dataclass(frozen=True, slots=True)
class Unit:
    """One systemd unit by its full name, such as orders.service."""

    unit: Name


@dataclass(frozen=True, slots=True)
class UnitSignal:
    """A signal for a unit's main process, or for all of them."""

    unit: Name
    signal: Signal = "SIGTERM"
    whom: Literal["main", "all"] = "main"


@dataclass(frozen=True, slots=True)
class Container:
    """One container by its name. `grace_seconds` is how long it has to end before it is killed."""

    container: Name
    grace_seconds: Annotated[int, Field(ge=0, le=60)] = 10


@dataclass(frozen=True, slots=True)
class ContainerSignal:
    """A signal for a container's main process."""

    container: Name
    signal: Signal = "SIGKILL"


@dataclass(frozen=True, slots=True)
class ContainerLimit:
    """How many processors' time a container gets, and how much memory where it has a limit already."""

    container: Name
    cpus: Annotated[float, Field(ge=0.01, le=1024)] | None = None
    memory_bytes: Annotated[int, Field(ge=6 * 1024 * 1024)] | None = None


@dataclass(frozen=True, slots=True)
class Deployment:
    """One deployment of the namespace."""

    deployment: Name


@dataclass(frozen=True, slots=True)
class Scale:
    """How many replicas a deployment is to have."""

    deployment: Name
    replicas: Annotated[int, Field(ge=0, le=1000)]


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod of the namespace. Its controller makes another one."""

    pod: Name


@dataclass(frozen=True, slots=True)
class Changed:
    """What became of a target. `changed` is False where it was so already."""

    target: str
    state: str
    changed: bool = True
    before: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UnitSeen:
    """A unit as systemd tells it. The invocation is another one after each start; `job` is what it is doing."""

    name: str
    load: str
    active: str
    invocation: str
    job: str
    changed_us: int

    @property
    def running(self) -> bool:
        return self.active in {"active", "reloading", "activating"}


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look found: an entity, what it is called there, and what is wrong with it, if anything."""

    entity: Entity
    kind: Literal["unit", "container", "deployment"]
    name: str
    trouble: str = ""
    restarting: bool = False
    replicas: int = 0


def service_of(unit: str) -> Entity:
    """Return the entity of a unit: the service without its suffix."""
    return Entity(EntityKind.SERVICE, unit.removesuffix(".service"))
