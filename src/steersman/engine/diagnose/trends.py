"""Evidence that is asked for: which questions would tell two causes apart, and what an answer says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from steersman.engine.diagnose.signatures import BY_CAUSE
from steersman.engine.diagnose.signs import Where
from steersman.model.findings import Aspect, Direction, Finding, FindingSource
from steersman.model.ids import Id
from steersman.model.incidents import Hypothesis
from steersman.model.rounds import Question, Trend

#: Robust deviations from which a trend shows something, and up to which it shows that nothing is unusual.
_UNUSUAL, _USUAL = 4.0, 2.0
#: Nearer than this to its limit, a resource is as good as exhausted.
_NEARLY_ALL = 0.9
_TELLING_WEIGHT = 1.0
_MOST_QUESTIONS = 6


def questions(incident: Id, close: Sequence[Hypothesis], findings: Iterable[Finding]) -> tuple[Question, ...]:
    """Return what would separate causes that are believed alike: aspects that only some of them show."""
    known = {(finding.entity.ref, finding.aspect) for finding in findings}
    asked: dict[tuple[str, Aspect], Question] = {}
    for hypothesis in close:
        for sign in BY_CAUSE[hypothesis.cause].signs:
            place = (hypothesis.entity.ref, sign.aspect)
            if sign.where is Where.OWN and abs(sign.weight) >= _TELLING_WEIGHT and place not in known:
                asked.setdefault(place, Question(incident, hypothesis.entity, sign.aspect))
    return tuple(asked.values())[:_MOST_QUESTIONS]


def observed(trends: Iterable[Trend], now_ms: int) -> tuple[Finding, ...]:
    """Return what trends show to be unusual, as findings that are evidence only."""
    return tuple(
        Finding(
            key=f"trend:{trend.signal}@{trend.entity.ref}",
            entity=trend.entity,
            aspect=trend.aspect,
            direction=Direction.HIGH if trend.now >= trend.before else Direction.LOW,
            source=FindingSource.DETECTOR,
            severity="warning",
            started_ms=now_ms,
            seen_ms=now_ms,
            reason=_told(trend),
            score=_deviation(trend),
            value=trend.now,
            expected=trend.before,
            signal=trend.signal,
        )
        for trend in trends
        if _deviation(trend) >= _UNUSUAL or _is_exhausted(trend)
    )


def as_usual(trends: Iterable[Trend]) -> frozenset[tuple[str, Aspect]]:
    """Return of which entities which aspects are as they always were."""
    return frozenset(
        (trend.entity.ref, trend.aspect) for trend in trends if _deviation(trend) <= _USUAL and not _is_exhausted(trend)
    )


def _deviation(trend: Trend) -> float:
    scale = max(trend.usual, 0.02 * abs(trend.before), 1e-9)
    return abs(trend.now - trend.before) / scale


def _is_exhausted(trend: Trend) -> bool:
    return bool(trend.limit) and trend.now >= _NEARLY_ALL * float(trend.limit or 0)


def _told(trend: Trend) -> str:
    limit = f" of {trend.limit:g}" if trend.limit else ""
    return f"{trend.signal or trend.aspect} went from {trend.before:.4g} to {trend.now:.4g}{limit}"
