"""One service as its owner describes it: how it runs, how one knows that it is well, what may be done to it.

Plain values: paths are text here, and nothing looks at this machine.
"""

from __future__ import annotations

import signal
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from steersman.model.entities import CauseKind

Seconds = Annotated[float, Field(gt=0, le=3600)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class HealthCheck(_Frozen):
    """How to find out that a replica answers: exactly one of `url`, `tcp` and `command`."""

    url: str | None = None
    tcp: str | None = None
    command: tuple[str, ...] = ()
    interval_seconds: Seconds = 1.0
    timeout_seconds: Seconds = 1.0
    failures: int = Field(3, ge=1, le=100, description="Failures in a row that make a replica unhealthy.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if sum((self.url is not None, self.tcp is not None, bool(self.command))) != 1:
            raise ValueError("give exactly one of url, tcp and command")
        if self.url is not None and not self.url.startswith(("http://", "https://")):
            raise ValueError("url begins with http:// or https://")
        if self.tcp is not None and not self.tcp.rpartition(":")[0]:
            raise ValueError("tcp is HOST:PORT")
        return self


class Limits(_Frozen):
    """What the kernel refuses a replica above; 0 sets no limit."""

    memory_bytes: int = Field(0, ge=0)
    cpu_seconds: int = Field(0, ge=0)
    open_files: int = Field(0, ge=0)

    @property
    def given(self) -> bool:
        return bool(self.memory_bytes or self.cpu_seconds or self.open_files)


class ServiceKnob(_Frozen):
    """A number in a file that the service reads again; `aim` is where it should stand when it has to help."""

    file: str
    low: float
    high: float
    step: float = Field(gt=0)
    default: float
    aim: float | None = None
    helps: frozenset[CauseKind] = frozenset()
    about: str = Field(default="", description="The service that it spares, where that is one that this service needs.")
    reload: bool = Field(default=False, description="Send the reload signal after turning it.")

    @model_validator(mode="after")
    def _inside(self) -> Self:
        if not self.low <= self.default <= self.high:
            raise ValueError(f"default: {self.default:g} is outside {self.low:g} to {self.high:g}")
        if self.aim is not None and not self.low <= self.aim <= self.high:
            raise ValueError(f"aim: {self.aim:g} is outside {self.low:g} to {self.high:g}")
        return self


def signal_number(name: str) -> int:
    """Return the number of a signal by name, with or without SIG; raises `ValueError`."""
    known = signal.Signals.__members__.get(name if name.startswith("SIG") else f"SIG{name}")
    if known is None:
        raise ValueError(f"{name} is not a signal, such as SIGTERM")
    return int(known)


class ServiceDefinition(_Frozen):
    """One service. `{replica}` and `{port}` in command, environment and health check are filled in per replica."""

    command: tuple[str, ...] = Field(min_length=1)
    directory: str | None = None
    environment: dict[str, SecretStr] = {}
    replicas: int = Field(1, ge=0, le=64)
    max_replicas: int | None = Field(None, ge=1, le=64, description="How far it may be scaled; `replicas` otherwise.")
    port: int | None = Field(None, ge=1, le=65535, description="The port of replica 0; replica n has port + n.")
    health: HealthCheck | None = None
    depends_on: tuple[str, ...] = ()
    self_healing: bool = Field(default=False, description="Its owner allows repair without asking.")
    restart: Literal["loop", "always"] = Field(
        "loop", description="Who restarts what exited: the loop decides, or always at once."
    )
    start_seconds: float = Field(10.0, ge=0, le=3600, description="How long a start may take until it answers.")
    stop_signal: str = "SIGTERM"
    stop_seconds: Seconds = 5.0
    reload_signal: str | None = Field(None, description="What makes it read its configuration again, such as SIGHUP.")
    limits: Limits = Limits()
    releases: str | None = None
    current: str | None = Field(None, description="A link to the release that runs; a change of it is a deploy.")
    config_files: tuple[str, ...] = ()
    standby: str | None = Field(None, description="The service that can take over.")
    route_file: str | None = Field(None, description="Holds the address of whoever is active.")
    knobs: dict[str, ServiceKnob] = {}
    data_directory: str | None = Field(None, description="Where it keeps its data; told to the loop as a label.")
    log_lines_per_second: int = Field(500, ge=1, description="More lines than this are counted and dropped.")
    log_bytes: int = Field(16 << 20, ge=4096, description="A log file is rotated at this size.")
    labels: dict[str, str] = {}

    @field_validator("stop_signal", "reload_signal")
    @classmethod
    def _known_signal(cls, value: str | None) -> str | None:
        if value is not None:
            signal_number(value)
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.max_replicas is not None and self.max_replicas < self.replicas:
            raise ValueError(f"max_replicas: {self.max_replicas} is less than replicas = {self.replicas}")
        if (self.releases is None) != (self.current is None):
            raise ValueError("current: it and releases belong together")
        if (self.standby is None) != (self.route_file is None):
            raise ValueError("standby: it and route_file belong together")
        return self

    @property
    def most_replicas(self) -> int:
        return max(1, self.replicas if self.max_replicas is None else self.max_replicas)

    def port_of(self, number: int) -> int | None:
        return None if self.port is None else self.port + number

    @property
    def address(self) -> str:
        """Where the first replica listens."""
        return "" if self.port is None else f"127.0.0.1:{self.port}"
