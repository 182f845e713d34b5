"""Which remedy, if any: expected benefit against risk, corrected by what was learnt, at the confidence the owner asks.

A remedy is matched to what is believed by the cause that it declares, and by nothing else: no action and no service is
named here. So what a plug-in brings is weighed like everything else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from steersman.engine.learn import expected_gain, lesson_key
from steersman.model.entities import CauseKind
from steersman.model.incidents import Hypothesis
from steersman.model.plans import Lesson, Remedy, Risk

#: What a risk costs, in the unit of expected benefit: a restart has to promise that much more than a throttle.
COST: Mapping[Risk, float] = {
    Risk.READ: 0.0,
    Risk.REVERSIBLE: 0.03,
    Risk.DISRUPTIVE: 0.1,
    Risk.DESTRUCTIVE: 0.35,
}
#: Options that differ by less are as good as each other, and the gentler one is taken.
_CLOSE = 0.08
#: A hypothesis that is believed less than this is not worth a question.
_WORTH_ASKING = 0.05
_MOST_ASKED = 4
#: More traffic is not by itself a fault: what is asked for more often is served, not repaired.
_NO_FAULT = frozenset({CauseKind.TRAFFIC_SURGE})


@dataclass(frozen=True, slots=True)
class Option:
    """A remedy with the hypothesis it is for, how much is believed that it is the right one, and what it promises."""

    remedy: Remedy
    hypothesis: Hypothesis
    belief: float
    gain: float

    @property
    def worth(self) -> float:
        return self.belief * self.gain - COST[self.remedy.risk]


def identity(remedy: Remedy) -> str:
    """Return a name that is the same for the same act: its action, target and arguments."""
    args = json.dumps(dict(remedy.args), sort_keys=True, default=str, separators=(",", ":"))
    return f"{remedy.action} {remedy.target.ref} {args}"


def worth_asking(hypotheses: Sequence[Hypothesis]) -> tuple[Hypothesis, ...]:
    """Return the hypotheses for which remedies are asked."""
    return tuple(one for one in hypotheses[:_MOST_ASKED] if one.score >= _WORTH_ASKING and one.cause not in _NO_FAULT)


def options(
    remedies: Iterable[Remedy],
    hypotheses: Sequence[Hypothesis],
    lessons: Mapping[str, Lesson],
    now_ms: int,
    tried: frozenset[str] = frozenset(),
) -> list[Option]:
    """Return what could be done, best first. An act that helps against several causes has the sum of their beliefs."""
    merged: dict[str, list[tuple[Hypothesis, Remedy]]] = {}
    for remedy in remedies:
        hypothesis = _matching(remedy, hypotheses)
        name = identity(remedy)
        if hypothesis is not None and name not in tried:
            merged.setdefault(name, []).append((hypothesis, remedy))
    found = [_option(causes, lessons, now_ms) for causes in merged.values()]
    return sorted(found, key=lambda option: (-option.worth, option.remedy.risk, identity(option.remedy)))


def choose(found: Sequence[Option]) -> Option | None:
    """Return the best option; of those that are about as good, the gentlest."""
    if not found or found[0].worth <= 0:
        return None
    good = [option for option in found if option.worth >= found[0].worth - _CLOSE and option.worth > 0]
    return min(good, key=lambda option: (option.remedy.risk, -option.worth))


def _option(causes: Sequence[tuple[Hypothesis, Remedy]], lessons: Mapping[str, Lesson], now_ms: int) -> Option:
    best, remedy = max(causes, key=lambda pair: pair[0].score)
    lesson = lessons.get(lesson_key(remedy.action, f"{remedy.cause}@{remedy.target.kind}"))
    believed = {hypothesis.key: hypothesis.score for hypothesis, _ in causes}
    return Option(remedy, best, min(1.0, sum(believed.values())), expected_gain(lesson, remedy.gain, now_ms))


def _matching(remedy: Remedy, hypotheses: Sequence[Hypothesis]) -> Hypothesis | None:
    """Return the hypothesis that a remedy answers: of its cause, at its target if there is one there."""
    alike = [one for one in hypotheses if one.cause is remedy.cause]
    at = [one for one in alike if one.entity.ref == remedy.target.ref]
    return next(iter(at or alike), None)
