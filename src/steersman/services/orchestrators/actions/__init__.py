"""What can be done through the orchestrators of this machine or cluster, as far as the owner named the targets.

Each action says in `prior` which thing it saw and how it stood; a repeat after a kill compares with that first.
"""

from steersman.services.orchestrators.actions.containers import CONTAINER_ACTIONS
from steersman.services.orchestrators.actions.deployments import DEPLOYMENT_ACTIONS
from steersman.services.orchestrators.actions.units import UNIT_ACTIONS

ACTIONS = (*UNIT_ACTIONS, *CONTAINER_ACTIONS, *DEPLOYMENT_ACTIONS)

__all__ = ["ACTIONS"]
