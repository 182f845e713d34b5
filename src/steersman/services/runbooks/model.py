"""A runbook: a command or a webhook that the owner declared as a remedy, with what it helps against. Values only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from steersman.contract.service import Risk
from steersman.model.entities import CauseKind, Entity, EntityKind

RiskName = Literal["reversible", "disruptive", "destructive"]
#: What a runbook may be called: it goes into addresses and into a process's environment.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class Webhook(BaseModel):
    """One HTTP request. `headers_file` has lines such as `Authorization: Bearer ...` and is nobody else's to read.

    In `headers` a word such as `secret:NAME` stands for the secret of that name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    method: Literal["POST", "PUT", "PATCH", "DELETE"] = "POST"
    headers_file: str | None = None
    headers: dict[str, str] = Field(default_factory=dict)

    @field_validator("url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("a webhook's URL is http:// or https:// with a host")
        if parts.username or parts.password:
            raise ValueError("a webhook's URL holds no password; put it into headers_file")
        return value


class Runbook(BaseModel):
    """One remedy. Commands are lists: no shell reads them, so nothing in them is expanded.

    `check_command` says whether there is still something to do: it ends with 0 when there is not. Without one, a
    command whose end was not seen because the platform was killed is not run again.
    `self_healing` says that the owner lets the target be repaired without asking, as the services of this machine do.
    In `environment` a word such as `secret:NAME` stands for the secret of that name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    target: str
    helps: tuple[CauseKind, ...] = ()
    command: tuple[str, ...] = ()
    webhook: Webhook | None = None
    risk: RiskName = "disruptive"
    timeout_seconds: float = Field(default=30.0, gt=0, le=600)
    undo_command: tuple[str, ...] = ()
    check_command: tuple[str, ...] = ()
    folder: str = "/"
    environment: dict[str, str] = Field(default_factory=dict)
    self_healing: bool = False

    @field_validator("target")
    @classmethod
    def _check_target(cls, value: str) -> str:
        entity_of(value)
        return value

    @model_validator(mode="after")
    def _check_means(self) -> Runbook:
        if bool(self.command) == (self.webhook is not None):
            raise ValueError("a runbook has either a command or a webhook")
        if self.risk == "reversible" and not self.undo_command:
            raise ValueError("a reversible runbook has an undo_command")
        return self

    @property
    def words(self) -> str:
        """Say what is run or called."""
        return f"{self.webhook.method} {self.webhook.url}" if self.webhook else " ".join(self.command)


class RunbookSettings(BaseModel):
    """The section [runbooks]; every table in it is a runbook."""

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, Runbook]

    @property
    def runbooks(self) -> Mapping[str, Runbook]:
        return self.__pydantic_extra__ or {}

    @model_validator(mode="after")
    def _check_names(self) -> RunbookSettings:
        for name in self.runbooks:
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name}: the name of a runbook has letters, digits, dash and underscore, 64 at most")
        return self


def entity_of(ref: str) -> Entity:
    """Return the entity that a reference names; raises `ValueError`."""
    kind, colon, name = ref.partition(":")
    if not colon or not name or kind not in {str(known) for known in EntityKind}:
        raise ValueError(f"a target is KIND:NAME such as service:payments, not {ref!r}")
    return Entity(EntityKind(kind), name)


RISKS: dict[RiskName, Risk] = {
    "reversible": Risk.REVERSIBLE,
    "disruptive": Risk.DISRUPTIVE,
    "destructive": Risk.DESTRUCTIVE,
}


@dataclass(frozen=True, slots=True)
class Run:
    """Run one runbook. `target` is what it is declared for, so that whoever asks knows what it touches."""

    name: str
    target: str


@dataclass(frozen=True, slots=True)
class Ran:
    """How it ended: the exit code, or the HTTP status, and the end of what it said.

    `needed` is False where the check said, before anything was run, that there was nothing to do any more.
    """

    name: str
    code: int
    output: str
    needed: bool = True
    failed: bool = False
