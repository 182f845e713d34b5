"""What can be done to a service of this machine."""

from __future__ import annotations

from steersman.services.workloads.actions.processes import RELOAD, RESTART, SIGNAL, START, STOP

ACTIONS = (RESTART, START, STOP, RELOAD, SIGNAL)
