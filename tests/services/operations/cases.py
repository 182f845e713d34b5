"""The examples of operations for the conformance kit."""

from __future__ import annotations

from steersman.contract.ports import Context
from steersman.contract.testing import ActionCase, Cases
from steersman.runtime.http.limits import Limits


def in_flight_limit(context: Context) -> float:
    """Read the knob that the example turns, where its service keeps it."""
    return context.ports.get(Limits).in_flight_limit


CASES = Cases(
    actions={
        "set_knob": ActionCase(
            args={"service": "platform", "knob": "in_flight_limit", "value": 2048.0},
            observe=in_flight_limit,
            also=frozenset({"platform.limits.write"}),
        )
    }
)
