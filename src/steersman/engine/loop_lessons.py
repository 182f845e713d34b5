"""Writes a lesson into the state and says so."""

from __future__ import annotations

from steersman.engine.learn import learnt, lesson_key
from steersman.engine.loop_draft import Draft
from steersman.model.plans import Lesson
from steersman.model.rounds import Learnt


def remember(draft: Draft, action: str, situation: str, *, helped: bool) -> None:
    """Learn from one experience with an action in a situation."""
    key = lesson_key(action, situation)
    known = draft.lessons.get(key) or Lesson(action=action, situation=situation, updated_ms=draft.now_ms)
    draft.lessons[key] = learnt(known, helped=helped, now_ms=draft.now_ms)
    draft.emit(Learnt(draft.lessons[key]))
