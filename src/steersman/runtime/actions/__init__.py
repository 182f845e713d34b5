"""The one road to every side effect. Whoever acts, a person, a plan or another program, comes through `Actions`."""

from steersman.runtime.actions.interrupted import Intent, interrupted
from steersman.runtime.actions.ledger import checked, plain
from steersman.runtime.actions.road import Actions, Done, NothingToDo
from steersman.runtime.actions.within import Overdue, begun

__all__ = ["Actions", "Done", "Intent", "NothingToDo", "Overdue", "begun", "checked", "interrupted", "plain"]
