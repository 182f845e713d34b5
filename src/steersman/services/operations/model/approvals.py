"""What waits for a second person, as people and programs read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from steersman.runtime.actions import Approval, State
from steersman.services.operations.model.people import Text
from steersman.services.operations.model.wire import Limit, Query


class ApprovalQuery(Query):
    """Which; without a state, what still goes on."""

    state: State | None = None
    limit: Limit = 50


class Why(BaseModel):
    """The reason, for whoever asked; it names nobody."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: Text = ""


class ApprovalView(BaseModel):
    """One wish for something that two people have to want. `args` are forgotten when it has ended."""

    id: str
    kind: str
    operation: str
    key: str
    args: Any
    permissions: list[str]
    state: State
    asked_by: str
    asked_ms: int
    expires_ms: int
    answered_by: str
    answered_ms: int | None
    reason: str
    mine: Annotated[bool, Field(description="The caller asked for it.")]
    may_confirm: Annotated[bool, Field(description="The caller could be the second person.")]


class ApprovalPage(BaseModel):
    """What waits, newest first."""

    approvals: list[ApprovalView]


def view(one: Approval, names: Mapping[str, str], *, may_confirm: bool, mine: bool) -> ApprovalView:
    """Put one into words; somebody who is no account any more stands there by their id."""
    wanted = one.wanted
    return ApprovalView(
        id=one.id,
        kind=wanted.kind.value,
        operation=wanted.operation,
        key=wanted.key,
        args=wanted.args,
        permissions=list(wanted.permissions),
        state=one.state,
        asked_by=names.get(one.asked_by, one.asked_by),
        asked_ms=one.asked_ms,
        expires_ms=one.expires_ms,
        answered_by=names.get(one.answered_by, one.answered_by),
        answered_ms=one.answered_ms,
        reason=one.reason,
        mine=mine,
        may_confirm=may_confirm,
    )
