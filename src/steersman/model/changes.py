"""Changes: what somebody altered on purpose. Most incidents begin with one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from steersman.model.entities import Entity
from steersman.model.ids import DEFAULT_TENANT, Tenant


class ChangeKind(StrEnum):
    """What was altered."""

    DEPLOY = "deploy"
    CONFIG = "config"
    KNOB = "knob"
    SCALE = "scale"
    SCHEDULE = "schedule"
    ACTION = "action"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One alteration of one entity. `details` say from what to what, in whatever terms the source has."""

    id: str
    time_ms: int
    entity: Entity
    kind: ChangeKind
    summary: str
    actor: str = ""
    details: Mapping[str, str] = field(default_factory=dict)
    tenant: Tenant = DEFAULT_TENANT
