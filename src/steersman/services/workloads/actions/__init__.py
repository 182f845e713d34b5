"""What can be done to a service of this machine."""

from __future__ import annotations

from steersman.services.workloads.actions.priority import RENICE, THROTTLE
from steersman.services.workloads.actions.processes import RELOAD, RESTART, SIGNAL, START, STOP
from steersman.services.workloads.actions.rollback import ROLL_BACK_CONFIG, ROLL_BACK_DEPLOY
from steersman.services.workloads.actions.scaling import SCALE
from steersman.services.workloads.actions.turning import FAIL_OVER, SET_KNOB

ACTIONS = (
    RESTART,
    START,
    STOP,
    RELOAD,
    SIGNAL,
    RENICE,
    THROTTLE,
    SCALE,
    ROLL_BACK_DEPLOY,
    ROLL_BACK_CONFIG,
    SET_KNOB,
    FAIL_OVER,
)
