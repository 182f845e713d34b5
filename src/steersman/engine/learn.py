"""Lessons: how often an action helped in a situation, forgotten by half in thirty days.

They are counts and nothing else, so that a person can check them.
"""

from __future__ import annotations

from dataclasses import replace

from steersman.model.plans import Lesson

HALF_LIFE_DAYS = 30
_DAY_MS = 86_400_000
#: The declared gain weighs as much as so many experiences: a few verdicts correct it, one does not overturn it.
_DECLARED_WEIGHT = 4.0


def lesson_key(action: str, situation: str) -> str:
    return f"{action} {situation}"


def decayed(lesson: Lesson, now_ms: int) -> Lesson:
    """Return the lesson as it counts now."""
    age = max(0, now_ms - lesson.updated_ms)
    share = 0.5 ** (age / (HALF_LIFE_DAYS * _DAY_MS))
    return replace(lesson, helped=lesson.helped * share, failed=lesson.failed * share, updated_ms=now_ms)


def learnt(lesson: Lesson, *, helped: bool, now_ms: int, weight: float = 1.0) -> Lesson:
    """Return the lesson after one more experience."""
    known = decayed(lesson, now_ms)
    if helped:
        return replace(known, helped=known.helped + weight)
    return replace(known, failed=known.failed + weight)


def expected_gain(lesson: Lesson | None, declared: float, now_ms: int) -> float:
    """Return the chance, 0 to 1, that the action helps: what was declared, smoothed with what was seen (Laplace)."""
    prior = min(1.0, max(0.0, declared))
    if lesson is None:
        return prior
    known = decayed(lesson, now_ms)
    return (prior * _DECLARED_WEIGHT + known.helped) / (_DECLARED_WEIGHT + known.helped + known.failed)
