"""Alertmanager's API v2 on the wire, as far as senders of alerts and their dashboards use it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from steersman.contract.freetext import FREE_TEXT
from steersman.services.operations.model.wire import Query

#: What one alert may say; Prometheus' own limits are far below.
_Name = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[^\x00]*$")]
_Value = Annotated[str, StringConstraints(max_length=16_384, pattern=r"^[^\x00]*$")]
Labels = Annotated[dict[_Name, _Value], Field(max_length=256)]

#: The name of the one receiver.
RECEIVER = "steersman"
#: Go's zero time, which senders write for "not set".
_ZERO = "0001-01-01T00:00:00"


def _unset(value: object) -> object:
    return None if isinstance(value, str) and value.startswith(_ZERO) else value


Moment = Annotated[AwareDatetime | None, BeforeValidator(_unset)]


class _Camel(BaseModel):
    """Field names are written as Alertmanager writes them."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class PostableAlert(_Camel):
    """An alert as Prometheus posts it."""

    labels: Labels
    annotations: Labels = Field(default_factory=dict)
    starts_at: Moment = None
    ends_at: Moment = None
    generator_url: Annotated[_Value, Field(alias="generatorURL")] = ""


class AlertStatus(_Camel):
    """Unprocessed until the loop has decided about it; nothing is silenced or inhibited here."""

    state: Literal["unprocessed", "active"]
    silenced_by: list[str] = Field(default_factory=list)
    inhibited_by: list[str] = Field(default_factory=list)
    muted_by: list[str] = Field(default_factory=list)


class Receiver(BaseModel):
    """Who is told: the loop."""

    name: str = RECEIVER


class Silence(BaseModel):
    """Nobody is silenced here; this only gives the empty list its type."""

    id: str


class GettableAlert(_Camel):
    """An alert that goes on."""

    annotations: dict[str, str]
    ends_at: datetime
    fingerprint: str
    receivers: list[Receiver] = Field(default_factory=lambda: [Receiver()])
    starts_at: datetime
    status: AlertStatus
    updated_at: datetime
    generator_url: Annotated[str, Field(alias="generatorURL")] = ""
    labels: dict[str, str]


class AlertQuery(Query):
    """Which alerts; the names are Alertmanager's."""

    active: bool = True
    unprocessed: bool = True
    silenced: bool = True
    inhibited: bool = True
    receiver: str | None = None
    filter: list[str] = Field(default_factory=list, max_length=50, json_schema_extra=FREE_TEXT)


class ClusterStatus(BaseModel):
    """One process: there is no cluster."""

    status: Literal["disabled"] = "disabled"
    peers: list[str] = Field(default_factory=list)


class VersionInfo(_Camel):
    """Which program answers."""

    version: str
    revision: str = ""
    branch: str = ""
    build_user: str = ""
    build_date: str = ""
    go_version: str = ""


class ConfigText(BaseModel):
    """Steersman is configured elsewhere."""

    original: str = ""


class AlertmanagerStatus(_Camel):
    """What a client asks before it trusts the address."""

    cluster: ClusterStatus = Field(default_factory=ClusterStatus)
    version_info: VersionInfo
    config: ConfigText = Field(default_factory=ConfigText)
    uptime: datetime
