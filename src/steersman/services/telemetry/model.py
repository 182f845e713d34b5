"""Settings of the telemetry section: what a person may write under `[telemetry]`, checked before anything starts."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

Seconds = Annotated[float, Field(gt=0, le=86_400)]
Listen = Annotated[str, StringConstraints(pattern=r"^(\[[0-9a-fA-F:.]+\]|[^:\s\[\]]+):\d{1,5}$")]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BasicAuth(_Frozen):
    """A user name and a file that holds the password; a password in the settings would be in every copy of them."""

    username: str
    password_file: str


class Tls(_Frozen):
    """How a scraped peer proves who it is; without this, by the authorities that the system trusts."""

    ca_file: str | None = None
    server_name: str | None = None
    insecure_skip_verify: bool = False


class ScrapeJob(_Frozen):
    """One group of targets that are scraped in the same way; the names follow Prometheus."""

    job: str = Field(min_length=1)
    targets: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    scheme: Literal["http", "https"] = "http"
    path: str = Field("/metrics", pattern=r"^/")
    params: dict[str, tuple[str, ...]] = {}
    interval_seconds: Seconds = 15.0
    timeout_seconds: Seconds = 10.0
    labels: dict[str, str] = {}
    honor_labels: bool = False
    honor_timestamps: bool = True
    bearer_token_file: str | None = None
    basic_auth: BasicAuth | None = None
    tls: Tls = Tls()
    follow_redirects: bool = True
    sample_limit: int = Field(0, ge=0, description="Samples of one scrape at most; 0 leaves it open.")
    body_size_limit: int = Field(64 << 20, gt=0, description="Bytes of one unpacked page at most.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.timeout_seconds > self.interval_seconds:
            raise ValueError(f"timeout_seconds of job {self.job} is longer than its interval_seconds")
        if self.bearer_token_file and self.basic_auth:
            raise ValueError(f"job {self.job} has both a bearer_token_file and basic_auth")
        return self


class ProcessGroup(_Frozen):
    """Processes whose command matches `command` belong to the group `name`; the first match counts."""

    name: str = Field(min_length=1)
    command: str

    @field_validator("command")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        return value


class HostSettings(_Frozen):
    """How this machine itself is watched."""

    enabled: bool = True
    interval_seconds: Seconds = 5.0
    process_interval_seconds: Seconds = 15.0
    process_groups: tuple[ProcessGroup, ...] = ()
    process_group_limit: int = Field(50, ge=1, le=1000)
    proc: str = "/proc"
    sys: str = "/sys"


class SensesSettings(_Frozen):
    """The senses of the platform: its own machine, the targets it scrapes and the syslog that it listens to."""

    host: HostSettings = HostSettings()
    scrape: tuple[ScrapeJob, ...] = ()
    scrape_files: tuple[str, ...] = ()
    syslog_tcp: Listen | None = None
    syslog_udp: Listen | None = None

    @model_validator(mode="after")
    def _distinct_jobs(self) -> Self:
        names = [job.job for job in self.scrape]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"two scrape jobs are called {', '.join(sorted(twice))}")
        return self


class StoreSettings(_Frozen):
    """What the store keeps and for how long. Durations in seconds, sizes in bytes; 0 bytes means no limit."""

    retention_seconds: float = Field(30 * 86_400.0, ge=3_600)
    retention_bytes: int = Field(0, ge=0)
    out_of_order_seconds: float = Field(7_200.0, ge=0)
    future_seconds: float = Field(600.0, ge=0)
    max_series: int = Field(1_500_000, ge=1_000, description="Series in memory at most; more are refused.")
    head_bytes: int = Field(256 << 20, ge=16 << 20)
    head_seconds: float = Field(7_200.0, ge=60)
    checkpoint_seconds: float = Field(20.0, gt=0, le=30)


class TelemetrySettings(SensesSettings):
    """The `[telemetry]` section."""

    store: StoreSettings = StoreSettings()
    mask_logs: bool = Field(
        False, description="Mask the texts of logs that are sent in before they are stored, by [privacy.mask.intake]."
    )
