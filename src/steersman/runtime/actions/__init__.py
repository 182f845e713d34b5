"""The one road to every side effect. Whoever acts, a person, a plan or another program, comes through `Actions`."""

from steersman.runtime.actions.ledger import checked
from steersman.runtime.actions.road import Actions, Done, NothingToDo

__all__ = ["Actions", "Done", "NothingToDo", "checked"]
