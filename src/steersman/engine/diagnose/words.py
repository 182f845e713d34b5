"""The one sentence by which people know an incident: what is seen, where, and why."""

from __future__ import annotations

from collections.abc import Sequence

from steersman.engine.diagnose.signatures import BY_CAUSE
from steersman.model.changes import Change, ChangeKind
from steersman.model.findings import Aspect, Finding
from steersman.model.incidents import Hypothesis

_ORDER = {"critical": 0, "warning": 1, "info": 2}
#: What people feel comes first.
_FELT = {Aspect.AVAILABILITY: 0, Aspect.ERRORS: 1, Aspect.LATENCY: 2}
#: A cause is named in the title once it is more likely than everything else together.
_NAMED_FROM = 0.5
_LONGEST = 160


def title(findings: Sequence[Finding], top: Hypothesis | None, changes: Sequence[Change] = ()) -> str:
    """Return a short sentence about an incident."""
    headline = _headline(findings, top)
    if headline is None:
        return "nothing is wrong any more"
    # A reason that begins with the name of its entity does not need it twice.
    name = headline.entity.id
    text = headline.reason if headline.reason.startswith(name) else f"{name}: {headline.reason}"
    if top is None or top.score < _NAMED_FROM:
        return _short(text)
    return _short(text, f", caused by {because(top)}{_when(top, headline, changes)}")


def because(hypothesis: Hypothesis) -> str:
    """Return a cause in words: `a deploy of orders`."""
    return BY_CAUSE[hypothesis.cause].because.format(entity=hypothesis.entity.id)


def _when(top: Hypothesis, headline: Finding, changes: Sequence[Change]) -> str:
    kinds = BY_CAUSE[top.cause].changes
    for change in reversed(changes):
        if change.kind in kinds and change.kind is not ChangeKind.ACTION and change.entity.ref == top.entity.ref:
            return f" {max(0, headline.started_ms - change.time_ms) / 1000:.0f} s before"
    return ""


def _headline(findings: Sequence[Finding], top: Hypothesis | None) -> Finding | None:
    """Return the finding that says most: what is felt at the suspect, else the worst of all."""
    at = top.entity.ref if top is not None else ""
    return min(
        findings,
        key=lambda one: (
            not one.active,
            _ORDER[one.severity],
            one.entity.ref != at,
            _FELT.get(one.aspect, 3),
            one.started_ms,
            one.key,
        ),
        default=None,
    )


def _short(text: str, end: str = "") -> str:
    room = _LONGEST - len(end)
    return (text if len(text) <= room else f"{text[: room - 1]}…") + end
