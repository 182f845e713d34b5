"""Finishes what a person or another program had asked for when the process was killed. Plans go on by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from steersman.contract.ports import Caller
from steersman.model.errors import SteersmanError
from steersman.model.ids import Id, Tenant
from steersman.runtime.actions import Actions, Intent, checked, interrupted
from steersman.runtime.house import House
from steersman.services.operations.jobs.execute_records import Records
from steersman.services.operations.jobs.execute_work import found_action

#: Somebody who asked longer ago than this has looked at what became of it, and may want something else by now.
_FRESH_NS = 600 * 1_000_000_000


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The durable work of finishing. `began_ns` is when this process came: what is older is not in work any more."""

    house: House
    actions: Actions
    records: Records
    began_ns: int

    def left_behind(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield a key and arguments of work for each action that is to be finished."""
        for intent in interrupted(self.records.ports, self.began_ns):
            if self.records.find(Id(intent.key)) is None:
                yield f"finish:{intent.id}", asdict(intent)

    def finish(self, _key: str, args: Any) -> str:
        """Perform an action again under its key, or note that it is too late for that; returns what came of it."""
        intent = Intent(**{**args, "id": Id(args["id"]), "tenant": Tenant(args["tenant"])})
        try:
            return self._finish(intent)
        except SteersmanError as error:
            return error.message

    def _finish(self, intent: Intent) -> str:
        service, action = found_action(self.house, intent.subject)
        # Whoever asked was allowed to when the intent was written.
        caller = Caller(intent.actor, tenant=intent.tenant, permissions=frozenset({"*"}))
        context = self.house.context(service, caller)
        if self.records.ports.clock.wall_ns() - intent.time_ns > _FRESH_NS:
            self.actions.abandon(
                context, service, action, intent.key, "the platform was stopped, and it is too late now"
            )
            return "it is too late"
        self.actions.perform(context, service, action, checked(action.args, intent.args), intent.key)
        return "finished"
