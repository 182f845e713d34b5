"""What waits for a second person: the list, one, and the answers to it.

Whoever asked sees it, and whoever could do it themselves. One permission opens the list, and an answer asks for that
of the operation besides. Nothing is decided here: `runtime.actions` does that.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from steersman.contract.ports import Caller, Context
from steersman.contract.service import Route
from steersman.runtime.actions import Approval, Approvals, State
from steersman.services.operations.model import approvals as model
from steersman.services.operations.store.consent import names_of, people_in

READ = "operations.approvals.read"


def approvals(ctx: Context, query: Annotated[model.ApprovalQuery, Query()]) -> model.ApprovalPage:
    states = (query.state,) if query.state else (State.WAITING, State.AGREED)
    found = _kept(ctx).listed(ctx.caller, states, query.limit)
    if query.state is None:
        found = [one for one in found if _goes_on(one)]
    return model.ApprovalPage(approvals=shown(ctx, found))


def approval(ctx: Context, approval: str) -> model.ApprovalView:
    return _one(ctx, _kept(ctx).one(ctx.caller, approval))


def confirm(ctx: Context, approval: str) -> model.ApprovalView:
    """Say yes to what somebody else wants."""
    return _told(ctx, _kept(ctx).confirm(ctx.caller, approval))


def turn_down(ctx: Context, approval: str, why: model.Why | None = None) -> model.ApprovalView:
    """Say no to what somebody else wants, or to one's own."""
    return _told(ctx, _kept(ctx).reject(ctx.caller, approval, why.reason if why else ""))


def withdraw(ctx: Context, approval: str) -> model.ApprovalView:
    """Take back one's own wish."""
    return _told(ctx, _kept(ctx).withdraw(ctx.caller, approval))


def waiting(ctx: Context) -> list[model.ApprovalView]:
    """Return what the caller can answer, without plans, which have their own place on the page."""
    found = _kept(ctx).listed(ctx.caller, (State.WAITING, State.AGREED), 100)
    return shown(ctx, [one for one in found if one.wanted.kind != "plan" and _goes_on(one)])


def shown(ctx: Context, found: list[Approval]) -> list[model.ApprovalView]:
    """Put approvals into words, with the names of people as they are called now."""
    with ctx.ports.database.reading() as connection:
        names = names_of(connection, people_in(found))
    return [
        model.view(one, names, may_confirm=_may_confirm(ctx.caller, one), mine=_mine(ctx.caller, one)) for one in found
    ]


def _one(ctx: Context, found: Approval) -> model.ApprovalView:
    return shown(ctx, [found])[0]


def _told(ctx: Context, found: Approval) -> model.ApprovalView:
    ctx.state.bulletin.recorded()
    return _one(ctx, found)


def _kept(ctx: Context) -> Approvals:
    return ctx.ports.get(Approvals)


def _goes_on(one: Approval) -> bool:
    """What was agreed to and is not done is only an operation, which is repeated by whoever asked."""
    return one.state is State.WAITING or one.wanted.kind == "operation"


def _mine(caller: Caller, one: Approval) -> bool:
    return bool(caller.account) and caller.account == one.asked_by


def _may_confirm(caller: Caller, one: Approval) -> bool:
    person = bool(caller.session) and not caller.key
    allowed = all(caller.may(permission) for permission in one.wanted.permissions)
    return one.state is State.WAITING and person and allowed and not _mine(caller, one)


_PATH = "/api/ops/approvals"
_ONE = f"{_PATH}/{{approval}}"
ROUTES = (
    Route(
        method="GET",
        path=_PATH,
        handler=approvals,
        permission=READ,
        summary="What waits for a second person, newest first: what one asked for, or could do oneself.",
        errors=(400,),
    ),
    Route(
        method="GET",
        path=_ONE,
        handler=approval,
        permission=READ,
        summary="One wish: who asked for what, until when, and what became of it.",
        errors=(404,),
    ),
    Route(
        method="POST",
        path=f"{_ONE}/confirm",
        handler=confirm,
        permission=READ,
        summary="Be the second person. An action or a plan is done with it; an operation is repeated by who asked.",
        errors=(400, 404, 409, 429),
    ),
    Route(
        method="POST",
        path=f"{_ONE}/reject",
        handler=turn_down,
        permission=READ,
        summary="Say no, and why.",
        errors=(400, 404, 409),
    ),
    Route(
        method="POST",
        path=f"{_ONE}/withdraw",
        handler=withdraw,
        permission=READ,
        summary="Take back what one asked for.",
        errors=(404, 409),
    ),
)
