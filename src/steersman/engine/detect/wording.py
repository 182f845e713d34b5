"""The one sentence of a finding: numbers that a person can check."""

from __future__ import annotations

from typing import Any

from steersman.engine.detect import judging
from steersman.engine.signals.terms import Formula, Judgement, Signal
from steersman.model.findings import Aspect

_DAY, _HOUR = 86_400.0, 3_600.0
_BYTES = frozenset({Judgement.MEMORY})
_SECONDS = frozenset({Judgement.LATENCY, Judgement.QUEUE_AGE, Judgement.WALL_CLOCK, Judgement.CLOCK_OFFSET})


def amount(signal: Signal, value: float) -> str:
    """Write a value with its unit."""
    if signal.judgement in _BYTES or (signal.judgement is Judgement.PLAIN and "_bytes{" in signal.name):
        return f"{value / 1024**2:.1f} MiB"
    if signal.judgement in _SECONDS:
        return f"{value * 1000:.0f} ms" if abs(value) < 1 else f"{value:.1f} s"
    if signal.judgement is Judgement.CERTIFICATE:
        return f"{value / _DAY:.1f} days" if abs(value) >= _DAY else f"{value / _HOUR:.1f} hours"
    if signal.formula in {Formula.RATIO, Formula.FREE, Formula.PART}:
        return f"{100 * value:.1f} %"
    if signal.name.endswith((":rate", ":error_rate")):
        return f"{value:.3g} a second"
    return f"{value:.4g}"


def _subject(signal: Signal) -> str:
    peer = f" towards {signal.peer.id}" if signal.peer else ""
    return f"{signal.name.partition('{')[0]} of {signal.entity.id}{peer}"


def _usual(signal: Signal, event: Any) -> str:
    if event["expected"] != event["expected"]:
        return ""
    return f", usually {amount(signal, event['expected'])} (spread {amount(signal, event['spread'])})"


def reason(signal: Signal, event: Any) -> str:
    """Say what is unusual about a signal."""
    seconds = max(int(event["t"] - event["begun_t"]), 0) / 1000.0
    value = amount(signal, event["value"])
    subject, usual = _subject(signal), _usual(signal, event)
    why = event["why"]
    if signal.aspect is Aspect.AVAILABILITY and why == judging.HARD:
        answers = "nothing answers" if event["value"] == 0 else "not all of it answers"
        return f"{subject} is {event['value']:.2g}: {answers}"
    if why == judging.SILENT:
        return f"{subject} stood still for {seconds:.0f} s{usual}"
    if why == judging.FROZEN:
        return f"{subject} has not moved from {value}, and it used to move with nearly every sample"
    if why == judging.RISING:
        return f"{subject} rises steadily by {amount(signal, 60 * event['slope'])} a minute and is at {value}{usual}"
    if why == judging.SHIFTED:
        return f"{subject} has moved to {value} and stays there{usual}"
    if why == judging.HARD:
        return f"{subject} is {value} for {seconds:.0f} s, beyond what is allowed{usual}"
    return f"{subject} is {value} for {seconds:.0f} s{usual}"


def ending(signal: Signal, event: Any) -> str:
    """Say why a finding ended."""
    if event["why"] == judging.ADOPTED:
        return f"{_subject(signal)} has stayed at {amount(signal, event['value'])} for half an hour, which is now usual"
    return f"{_subject(signal)} is back at {amount(signal, event['value'])}{_usual(signal, event)}"
