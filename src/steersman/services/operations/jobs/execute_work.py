"""The durable work of a plan: guard, preview, apply; or take it back. It may be killed anywhere and is begun again.

Each function looks first how far an earlier attempt came. What happened to the target itself is between the action and
the journal of actions; here it is only found out what has become of the plan.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from steersman.contract.ports import Caller, Context
from steersman.contract.service import Action, Service
from steersman.model.errors import NotFound, SteersmanError, Temporary, Throttled
from steersman.model.ids import Id
from steersman.model.plans import Plan, PlanState
from steersman.runtime.actions import Actions, NotAgreed, NothingToDo, Overdue, checked
from steersman.runtime.house import House
from steersman.services.operations.jobs.execute_records import OPERATIONS, CurrentPolicy, GuardRefused, Records
from steersman.services.operations.store.executions import Execution

#: A database that was busy for a moment is asked again. The key is the same, so nothing happens twice.
_ATTEMPTS = 3
#: What was done by a plan in these states may be taken back.
_UNDOABLE = frozenset(
    {
        PlanState.APPLYING,
        PlanState.VERIFYING,
        PlanState.CURED,
        PlanState.UNCHANGED,
        PlanState.WORSE,
        PlanState.FAILED,
    }
)


@dataclass(frozen=True, slots=True)
class Aim:
    """The action of a plan, found and checked, with the context to do it in."""

    context: Context
    service: Service
    action: Action
    args: Any


@dataclass(frozen=True, slots=True)
class Work:
    """Carries plans out and takes them back."""

    house: House
    actions: Actions
    records: Records
    policy: CurrentPolicy

    def carry_out(self, _key: str, args: Any) -> str:
        """Go on with a plan from wherever it stands; returns the state that it comes to."""
        execution = self._known(args)
        if execution.plan.state is PlanState.APPROVED:
            self._guarded(execution, lambda: self._begin(execution))
            execution = self._known(args)
        if execution.plan.state is PlanState.APPLYING:
            self._guarded(execution, lambda: self._apply(execution))
        return self._known(args).plan.state.value

    def take_back(self, _key: str, args: Any) -> str:
        """Undo, or compensate, what a plan did."""
        execution, reason = self._known(args), args.get("reason", "")
        if execution.plan.state in _UNDOABLE:
            self._guarded(execution, lambda: self._undo(execution, reason), failed="it could not be taken back: ")
        return self._known(args).plan.state.value

    def _known(self, args: Any) -> Execution:
        execution = self.records.find(Id(args["plan"]))
        if execution is None:
            raise NotFound(f"there is no plan {args['plan']} in hand")
        return execution

    def _begin(self, execution: Execution) -> None:
        aim = self._aim(execution)
        self.actions.demand_agreed(aim.context, aim.service, aim.action, aim.args, execution.plan.id)
        try:
            preview = self.actions.preview(aim.context, aim.action, aim.args)
        except NotFound as gone:
            raise NothingToDo(gone.message) from gone
        shown = {"summary": preview.summary, "undo": preview.undo, "changes": dict(preview.changes)}
        self.records.begin(execution, self.policy(self.records.now_ms()), shown)

    def _apply(self, execution: Execution) -> None:
        aim = self._aim(execution)
        _patiently(lambda: self.actions.perform(aim.context, aim.service, aim.action, aim.args, execution.plan.id))
        self.records.move(execution, PlanState.VERIFYING, execution.plan.remedy.summary)

    def _undo(self, execution: Execution, reason: str) -> None:
        if self.policy(self.records.now_ms()).killed:
            raise GuardRefused("the kill switch is on")
        aim = self._aim(execution)
        _patiently(lambda: self.actions.undo(aim.context, aim.service, aim.action, execution.plan.id))
        self.records.move(execution, PlanState.UNDONE, reason)

    def _aim(self, execution: Execution) -> Aim:
        plan = execution.plan
        service, action = found_action(self.house, plan.remedy.action)
        caller = caller_for(plan, execution.approver)
        return Aim(self.house.context(service, caller), service, action, checked(action.args, dict(plan.remedy.args)))

    def _guarded(self, execution: Execution, step: Callable[[], None], failed: str = "") -> None:
        """Take a step; whatever stops it becomes the end of the plan, in words."""
        try:
            step()
        except (GuardRefused, NotAgreed, Throttled) as refused:
            state = PlanState.FAILED if failed else PlanState.REFUSED
            self.records.move(execution, state, f"{failed}{refused}")
        except NothingToDo as gone:
            state = PlanState.UNDONE if failed else PlanState.NOTHING_TO_DO
            self.records.move(execution, state, f"there was nothing to do: {gone.message}")
        except SteersmanError as error:
            self.records.move(execution, PlanState.FAILED, f"{failed}{error.message}")
        except Exception as error:  # noqa: BLE001 - whatever a plug-in's action raises, its plan has to come to an end
            self.records.move(execution, PlanState.FAILED, f"{failed}{type(error).__name__}: {error}")


def found_action(house: House, name: str) -> tuple[Service, Action]:
    """Find `service.action` among what is installed; raises `NotFound`."""
    service_name, _, action_name = name.partition(".")
    service = house.find(service_name)
    for action in service.actions:
        if action.name == action_name:
            return service, action
    raise NotFound(f"the service {service_name} has no action {action_name!r}")


def caller_for(plan: Plan, approver: str) -> Caller:
    """Who acts: operations itself, or operations on the word of whoever approved."""
    subject = f"{OPERATIONS} for {approver}" if approver else OPERATIONS
    return Caller(subject, tenant=plan.tenant, permissions=frozenset({"*"}))


def _patiently(step: Callable[[], object]) -> None:
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            step()
        except (Overdue, Throttled):
            raise
        except Temporary:
            if attempt == _ATTEMPTS:
                raise
        else:
            return
