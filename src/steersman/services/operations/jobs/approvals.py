"""What waits for a second person: how an action and a plan go on once one came, and the end of what waited too long."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from steersman.contract.ports import Caller, Context
from steersman.model.errors import Temporary
from steersman.model.ids import Id
from steersman.runtime.actions import Actions, Approval, Approvals, Carrier, Kind, checked
from steersman.runtime.house import House
from steersman.services.operations.jobs.execute import Executor
from steersman.services.operations.jobs.execute_work import found_action

_EVERY_SECONDS = 15.0


def carry(approvals: Approvals, house: House, actions: Actions, executor: Executor) -> None:
    """Say how actions and plans go on; an operation is repeated by whoever asked for it."""

    def perform(caller: Caller, approval: Approval) -> None:
        wanted = approval.wanted
        service, action = found_action(house, wanted.operation)
        args = checked(action.args, wanted.args)
        actions.perform(house.context(service, caller), service, action, args, wanted.key)

    def approve(caller: Caller, approval: Approval) -> None:
        executor.approve(Id(approval.wanted.key), caller)

    def reject(caller: Caller, approval: Approval, reason: str) -> None:
        executor.reject(Id(approval.wanted.key), caller, reason)

    approvals.carry(Kind.ACTION, Carrier(perform))
    approvals.carry(Kind.PLAN, Carrier(approve, reject))


async def expire(ctx: Context) -> None:
    """End what nobody answered in time, for ever."""
    approvals = ctx.ports.get(Approvals)
    while True:
        with suppress(Temporary):
            if await asyncio.to_thread(approvals.expire):
                ctx.state.bulletin.recorded()
        await ctx.ports.clock.sleep(_EVERY_SECONDS)
