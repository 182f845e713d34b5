"""What people say about incidents. Their word ends and reopens them, and teaches; it does not act."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from steersman.engine.loop_draft import Draft
from steersman.engine.loop_incidents import resolve
from steersman.engine.loop_lessons import remember
from steersman.engine.loop_state import Case
from steersman.model.incidents import IncidentState
from steersman.model.rounds import Feedback


def listen(draft: Draft) -> None:
    """Take in what people said in this round; about an incident that is long forgotten there is nothing to do."""
    for word in draft.round.feedback:
        draft.heard_ms = max(draft.heard_ms, word.time_ms)
        case = draft.cases.get(word.incident) or draft.closed.get(word.incident)
        if case is not None:
            noted = replace(case.incident, notes=(*case.incident.notes, _note(word)))
            _ANSWERS[word.kind](draft, replace(case, incident=noted), word)


def _note(word: Feedback) -> str:
    return f"{word.actor}: {word.kind}" + (f", {word.text}" if word.text else "")


def _acknowledged(draft: Draft, case: Case, word: Feedback) -> None:
    is_open = case.incident.state is IncidentState.OPEN
    draft.tell(case, _note(word), state=IncidentState.ACKNOWLEDGED if is_open else case.incident.state)


def _resolved(draft: Draft, case: Case, word: Feedback) -> None:
    if case.incident.state is not IncidentState.RESOLVED:
        resolve(draft, case, f"{word.actor} resolved it" + (f": {word.text}" if word.text else ""))


def _reopened(draft: Draft, case: Case, word: Feedback) -> None:
    draft.tell(
        replace(case, settled_ms=draft.now_ms, withheld=""),
        _note(word),
        state=IncidentState.OPEN,
        mitigated_ms=None,
        resolved_ms=None,
        resolution="",
    )


def _right(draft: Draft, case: Case, word: Feedback) -> None:
    draft.tell(case, _note(word))
    _teach(draft, case, helped=True)


def _wrong(draft: Draft, case: Case, word: Feedback) -> None:
    """A cause that a person called wrong is not believed again in this incident."""
    denied = case.denied if case.top is None else (*case.denied, case.top.key)
    draft.tell(replace(case, denied=denied), _note(word))
    draft.stale.setdefault(case.incident.id)
    _teach(draft, case, helped=False)


def _teach(draft: Draft, case: Case, *, helped: bool) -> None:
    last = next((one for one in reversed(case.attempts) if one.acted), None)
    if last is not None:
        remember(draft, last.action, last.situation, helped=helped)


_ANSWERS: Mapping[str, Callable[[Draft, Case, Feedback], None]] = {
    "acknowledged": _acknowledged,
    "resolved": _resolved,
    "reopened": _reopened,
    "right": _right,
    "wrong": _wrong,
}
