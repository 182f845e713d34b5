"""Makes a report of what tests show, what was seen, and what was declared. What nothing shows is open.

A failing test or a look that found the opposite outweighs everything else; a declaration never hides it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from steersman.services.compliance.model import (
    Catalogue,
    Finding,
    Looked,
    Processing,
    Report,
    Requirement,
    Standard,
    State,
)

#: By the id of a test: True where it passed in the run that a person hands in, False where it did not.
Results = Mapping[str, bool]


def judged(
    catalogue: Catalogue,
    evidence: Mapping[str, Sequence[str]],
    looked: Sequence[Looked],
    *,
    results: Results | None = None,
    standards: Iterable[Standard] = tuple(Standard),
    processing: Sequence[Processing] = (),
    highest: int = 2,
) -> Report:
    """Return how every requirement of these standards stands, ASVS up to the level `highest`."""
    wanted = frozenset(standards)
    findings = [
        _finding(
            one, catalogue, evidence.get(one.id, ()), [look for look in looked if one.id in look.requirements], results
        )
        for one in catalogue.requirements
        if one.standard in wanted and one.level <= highest
    ]
    counts = {
        standard.value: dict(Counter(str(one.state) for one in findings if one.standard is standard))
        for standard in Standard
        if standard in wanted
    }
    shown = {one.id for one in findings}
    deviations = {key: text for key, text in catalogue.deviations.items() if key in shown}
    return Report(
        seen=bool(looked),
        counts=counts,
        findings=findings,
        looked=list(looked),
        deviations=deviations,
        processing=list(processing),
    )


def _finding(
    one: Requirement, catalogue: Catalogue, tests: Sequence[str], looks: Sequence[Looked], results: Results | None
) -> Finding:
    ran = (
        {test: results[test] for test in tests if test in results}
        if results is not None
        else dict.fromkeys(tests, True)
    )
    held = [look for look in looks if look.holds is not None]
    state, note = _state(one.id, catalogue, ran, held)
    checks = [f"{look.name}: {look.words}" for look in held]
    return Finding(
        id=one.id,
        standard=one.standard,
        chapter=one.chapter,
        level=one.level,
        summary=one.summary,
        state=state,
        tests=sorted(ran),
        checks=checks,
        note=note,
    )


def _state(id: str, catalogue: Catalogue, ran: Mapping[str, bool], held: Sequence[Looked]) -> tuple[State, str]:
    wrong = [test for test, passed in ran.items() if not passed] + [look.words for look in held if not look.holds]
    if wrong:
        return State.FAILING, "; ".join(wrong)
    if id in catalogue.deviations:
        return State.DEVIATION, catalogue.deviations[id]
    if ran:
        return State.TESTS, ""
    if held:
        return State.LIVE, ""
    if id in catalogue.not_applicable:
        return State.NOT_APPLICABLE, catalogue.not_applicable[id]
    if id in catalogue.process:
        return State.PROCESS, catalogue.process[id]
    return State.OPEN, ""


def automated(report: Report, standard: Standard) -> int:
    """Return how many requirements of a standard are shown by tests or by a look, deviations not counted."""
    counts = report.counts.get(standard.value, {})
    return counts.get(State.TESTS, 0) + counts.get(State.LIVE, 0)
