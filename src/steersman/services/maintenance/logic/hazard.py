"""From signs to the probability of a failure in a window: log-odds that add up, and a constant hazard.

Signs of one component mostly tell of the same trouble, so they are not independent: the strongest counts whole, the
next half, and so on. A service's restarts are counted instead: a Poisson rate with a Gamma prior.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from steersman.model.entities import Entity, EntityKind
from steersman.services.maintenance.logic.rules import BASE
from steersman.services.maintenance.model.hazard import Assessment, ComponentKey, Part, Restarts, Sign

WINDOWS = (1, 7, 30)
#: The prior of a service: half a restart in so many days.
_PRIOR_COUNT, _PRIOR_DAYS = 0.5, 15.0
_SHARED = 0.5


def assess(key: ComponentKey, signs: Sequence[Sign], restarts: Restarts | None = None) -> Assessment:
    """Return the probabilities of a component."""
    if key.part is Part.SERVICE:
        return _service(key, restarts or Restarts(0, 0.0))
    base = BASE[key.part][0]
    ordered = tuple(sorted(signs, key=lambda sign: (-sign.rule.odds, sign.rule.name, sign.reference)))
    counts = tuple(math.log(sign.rule.odds) * _SHARED**place for place, sign in enumerate(ordered))
    month = _logistic(_logit(base) + sum(counts))
    day, week = (within(month, days) for days in WINDOWS[:2])
    return Assessment(key, entity_of(key), base, ordered, counts, day, week, month)


def within(month: float, days: float) -> float:
    """Return the probability in so many days, where the hazard is constant and that of 30 days is known."""
    return 1.0 - math.exp(math.log1p(-month) * days / 30.0) if month < 1 else 1.0


def days_until(month: float, budget: float) -> float:
    """Return after how many days the probability of a failure by then reaches a budget."""
    return 30.0 * math.log1p(-budget) / math.log1p(-month) if 0 < month < 1 else (0.0 if month >= 1 else math.inf)


def _service(key: ComponentKey, restarts: Restarts) -> Assessment:
    """The predictive probability of one more restart: Gamma prior, Poisson counts."""
    shape, rate = _PRIOR_COUNT + restarts.count, _PRIOR_DAYS + restarts.days
    day, week, month = (1.0 - (rate / (rate + days)) ** shape for days in WINDOWS)
    base = 1.0 - (_PRIOR_DAYS / (_PRIOR_DAYS + 30.0)) ** _PRIOR_COUNT
    return Assessment(key, entity_of(key), base, (), (), day, week, month, restarts)


def entity_of(key: ComponentKey) -> Entity:
    """Return the entity that a component belongs to: its machine, or the service."""
    return Entity(EntityKind.SERVICE if key.part is Part.SERVICE else EntityKind.HOST, key.where)


def _logit(probability: float) -> float:
    return math.log(probability / (1.0 - probability))


def _logistic(value: float) -> float:
    return 1.0 / (1.0 + math.exp(-value))
