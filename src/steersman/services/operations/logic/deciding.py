"""One round through detection and reasoning: the same code for the live loop and for a replay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from steersman.engine.detect.senses import Senses
from steersman.engine.loop import LoopState, step
from steersman.model.rounds import Ask, Command, Round, Trend

#: A trend goes back this far before the incident's first finding, so that it shows what was usual.
_BEFORE_MS = 120_000


def decide(senses: Senses, state: LoopState, told: Round) -> tuple[LoopState, tuple[Command, ...]]:
    """Fold one round; `senses` remember it, the state after it is returned with what is to be done."""
    findings, edges, entities = senses.fold(told)
    known = replace(told, edges=(*told.edges, *edges), entities=(*told.entities, *entities))
    return step(state, known, findings)


def trends_for(senses: Senses, state: LoopState, ask: Ask) -> Sequence[Trend]:
    """Answer the questions of a diagnosis from what the detectors remember."""
    case = state.cases.get(ask.incident)
    if case is None:
        return ()
    since_ms = case.incident.opened_ms - _BEFORE_MS
    return [trend for one in ask.questions for trend in senses.trends(one.entity, one.aspect, since_ms)]
