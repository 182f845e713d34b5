"""The one road to every side effect. Whoever acts, a person, a plan or another program, comes through `Actions`."""

from steersman.runtime.actions.approvals import Approvals, Carrier
from steersman.runtime.actions.four_eyes import NotAgreed
from steersman.runtime.actions.interrupted import Intent, interrupted
from steersman.runtime.actions.ledger import checked, plain
from steersman.runtime.actions.road import Actions, Done, NothingToDo
from steersman.runtime.actions.waiting import Approval, Kind, State, Wanted
from steersman.runtime.actions.waiting import of_keys as approvals_of
from steersman.runtime.actions.waiting import of_person as approvals_of_person
from steersman.runtime.actions.within import Overdue, begun

__all__ = [
    "Actions",
    "Approval",
    "Approvals",
    "Carrier",
    "Done",
    "Intent",
    "Kind",
    "NotAgreed",
    "NothingToDo",
    "Overdue",
    "State",
    "Wanted",
    "approvals_of",
    "approvals_of_person",
    "begun",
    "checked",
    "interrupted",
    "plain",
]
