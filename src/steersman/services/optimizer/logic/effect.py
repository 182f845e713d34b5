"""Whether a turn helped: paired periods, the exact sign-flip test, and a stop at once when it plainly harms.

Periods come in pairs of neighbours so that a trend in the load cancels out, and each pair's order is drawn, so that the
test's assumption holds by construction (Fisher's randomisation test).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import Literal

import numpy as np

from steersman.services.optimizer.model.wire import Effect, Period

Kind = Literal["level", "count", "mean"]
#: One reading of a guard: seconds, its value or running total, and the running count that a mean is over.
Reading = tuple[float, float, float]

_COVERAGE = 0.9
#: So many readings in a row have to be worse before a turn is taken back: one is noise.
HARMFUL = 3
#: Scatter of the control, in robust standard deviations, that is not harm.
_DEVIATIONS = 4.0
_MAD_TO_DEVIATION = 1.4826


def order_of(id: str, pairs: int) -> list[bool]:
    """Return whether each period is a tried one: pairs in an order drawn from the id, the same every time."""
    drawn = hashlib.sha256(id.encode()).digest()
    return [tried for pair in range(pairs) for tried in ((True, False) if drawn[pair % 32] & 1 else (False, True))]


def values_of(readings: Sequence[Reading], kind: Kind) -> list[float]:
    """Return the values between readings: levels as they are, counts per second, means over what was counted."""
    if kind == "level":
        return [value for _, value, _ in readings]
    found = []
    for (at, value, count), (later, new_value, new_count) in pairwise(readings):
        over = new_count - count if kind == "mean" else later - at
        # A counter that fell was started anew: what it did in between is unknown.
        if over > 0 and new_value >= value:
            found.append((new_value - value) / over)
    return found


def effect_of(periods: Sequence[Period], *, lower_is_better: bool) -> Effect | None:
    """Return the effect over complete pairs; None where there are fewer than five, which could not show anything."""
    pairs = [_pair(periods[at], periods[at + 1]) for at in range(0, len(periods) - 1, 2)]
    known = [pair for pair in pairs if pair is not None]
    if len(known) < 5:
        return None
    differences = np.array([tried - control for control, tried in known])
    control = median(control for control, _ in known)
    walsh = (differences[:, None] + differences[None, :])[np.triu_indices(differences.size)] / 2
    low, high = np.quantile(walsh, [(1 - _COVERAGE) / 2, (1 + _COVERAGE) / 2]).tolist()
    middle = float(np.median(walsh))
    better = -differences if lower_is_better else differences
    size = abs(control)
    return Effect(
        control=control,
        difference=middle,
        low=low,
        high=high,
        gain=(-middle if lower_is_better else middle) / size if size else 0.0,
        chance=_chance(better),
        pairs=len(known),
    )


def _pair(one: Period, other: Period) -> tuple[float, float] | None:
    """Return (control, tried)."""
    control, tried = (other, one) if one.tried else (one, other)
    return None if control.value is None or tried.value is None else (control.value, tried.value)


def _chance(better: np.ndarray) -> float:
    """Return the share of all sign flips whose sum is at least as large: the exact one-sided p-value."""
    flips = np.array(np.meshgrid(*[[1.0, -1.0]] * better.size)).reshape(better.size, -1)
    sums = better @ flips
    return float(np.mean(sums >= better.sum() - 1e-12 * np.abs(better).sum()))


def harms(controls: Sequence[float], tried: Sequence[float], *, lower_is_better: bool, share: float) -> bool:
    """Whether the last readings under the turn are all worse than the control by a share and by its own scatter."""
    if len(controls) < HARMFUL or len(tried) < HARMFUL:
        return False
    middle = median(controls)
    scatter = _MAD_TO_DEVIATION * median(abs(value - middle) for value in controls)
    bound = max(share * abs(middle), _DEVIATIONS * scatter)
    # A control that never moves, such as no errors at all, has a bound of 0: then anything worse is harm.
    worse = [(value - middle) if lower_is_better else (middle - value) for value in tried[-HARMFUL:]]
    return min(worse) > bound


def verdict(effect: Effect | None, *, least_gain: float, significance: float) -> tuple[bool, str]:
    """Say whether to keep the turn, and why."""
    if effect is None:
        return False, "the guard told too little to compare: the turn is taken back"
    told = f"the guard changed by {effect.difference:+.4g} ({effect.low:+.4g} to {effect.high:+.4g})"
    if effect.gain < least_gain:
        return False, f"{told}: no gain of {least_gain:.0%}, taken back"
    if effect.chance > significance:
        return False, f"{told}, which chance does with {effect.chance:.0%}: taken back"
    return True, f"{told}, a gain of {effect.gain:.1%}; chance does that with {effect.chance:.1%}: kept"
