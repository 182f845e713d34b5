"""The project's goals for a drill, and how near a run came to them. Shares are of the faults that were tried.

A fault that could not be carried out counts as missed in every share, because a drill that skips is no exam. Times to
repair are those of the repairs that were reached; what was not reached is in the share, never hidden in a median.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from steersman.services.operations.commands.drill.judge import Judgement

#: As the project set them before the first drill.
DETECTED, CAUSE_FIRST, REPAIRED = 0.98, 0.90, 0.90
MEDIAN_SECONDS, P95_SECONDS = 20.0, 60.0


@dataclass(frozen=True, slots=True)
class Goal:
    """One goal with what was reached, both in words. `met` is None where there was nothing to measure."""

    name: str
    wanted: str
    reached: str
    met: bool | None


def goals(judged: Sequence[Judgement]) -> tuple[Goal, ...]:
    """Hold a run against the goals."""
    faults = [one for one in judged if not one.control]
    controls = [one for one in judged if one.control]
    seconds = [one.repaired for one in faults if one.repaired is not None and one.cured and not one.failure]
    return (
        _share("detected", DETECTED, [one.detected is not None and not one.failure for one in faults]),
        _share("cause ranked first", CAUSE_FIRST, [one.rank == 1 and not one.failure for one in faults]),
        _share("repaired and verified", REPAIRED, [one.cured and not one.failure for one in faults]),
        _none("harmful actions", [one for one in faults if one.harm], len(faults)),
        _none("actions on a control", [one for one in controls if one.harm], len(controls)),
        _at_most("time to repair, median", MEDIAN_SECONDS, statistics.median(seconds) if seconds else None),
        _at_most("time to repair, 95th percentile", P95_SECONDS, percentile(seconds, 0.95) if seconds else None),
        _none("scenarios that could not be carried out", [one for one in judged if one.failure], len(judged)),
    )


def reached(found: Sequence[Goal]) -> bool:
    """Whether no goal was missed."""
    return all(goal.met is not False for goal in found)


def percentile(values: Sequence[float], share: float) -> float:
    """Nearest rank: the smallest value that at least `share` of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _share(name: str, wanted: float, reached: Sequence[bool]) -> Goal:
    if not reached:
        return Goal(name, f">= {wanted:.0%}", "nothing to measure", None)
    share = sum(reached) / len(reached)
    return Goal(name, f">= {wanted:.0%}", f"{sum(reached)} of {len(reached)} ({share:.0%})", share >= wanted)


def _none(name: str, found: Sequence[Judgement], of: int) -> Goal:
    if not of:
        return Goal(name, "0", "nothing to measure", None)
    names = f" ({', '.join(one.scenario for one in found)})" if found else ""
    return Goal(name, "0", f"{len(found)} of {of}{names}", not found)


def _at_most(name: str, wanted: float, value: float | None) -> Goal:
    if value is None:
        return Goal(name, f"<= {wanted:g} s", "nothing to measure", None)
    return Goal(name, f"<= {wanted:g} s", f"{value:.1f} s", value <= wanted)
