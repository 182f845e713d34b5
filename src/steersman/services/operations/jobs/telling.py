"""Says in the platform's log what the loop made of a round, once that is recorded: for whoever reads a terminal.

The journal has all of it. A flood of alerts may open thousands of incidents in a second; the log gets the first ones.
"""

from __future__ import annotations

from collections.abc import Iterable

import structlog

from steersman.model.rounds import Command
from steersman.services.operations.logic.described import described, incident_of
from steersman.services.operations.logic.phrases import words

_log = structlog.get_logger(__name__)

#: Lines of one round: an incident that opens, is explained and acted upon takes three or four.
_MOST = 20


def tell(commands: Iterable[Command]) -> None:
    """Write a line for each command that a person wants to know of."""
    told = 0
    for command in commands:
        line = described(command)
        if line is None:
            continue
        told += 1
        if told <= _MOST:
            kind, content = line
            _log.info(f"loop {kind.removeprefix('ops.')}", told=words(kind, content), incident=incident_of(command))
    if told > _MOST:
        _log.info("the loop has more to tell than a log should hold", more=told - _MOST, where="/api/ops/incidents")
