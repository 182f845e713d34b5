"""The reasoning half of the loop: one round in, commands out.

It reads no clock, draws no lots and does nothing itself: time and seeds are in the round, effects are commands.
The same rounds give the same commands, so a recording is a test and a test is a recording.
"""

from __future__ import annotations

from steersman.engine.correlate import is_blind
from steersman.engine.loop_decisions import decide
from steersman.engine.loop_diagnosis import diagnose
from steersman.engine.loop_draft import Draft
from steersman.engine.loop_incidents import gather, move_on
from steersman.engine.loop_intake import is_held_up, sources, take_in
from steersman.engine.loop_people import listen
from steersman.engine.loop_state import LoopState
from steersman.engine.loop_verdicts import follow, verify
from steersman.model.findings import Finding
from steersman.model.rounds import Command, Round

__all__ = ["LoopState", "step"]


def step(state: LoopState, round: Round, noticed: tuple[Finding, ...]) -> tuple[LoopState, tuple[Command, ...]]:
    """Fold one round into the state. `noticed` is what the detectors found in it."""
    draft = Draft(state, round)
    fresh = take_in(draft, noticed)
    listen(draft)
    follow(draft)
    gather(draft, fresh)
    blind = is_blind(draft.findings.values(), sources(draft), draft.limit("blind_share")) or is_held_up(draft)
    verify(draft, blind)
    diagnose(draft)
    move_on(draft)
    decide(draft, blind)
    return draft.frozen(), tuple(draft.commands)
