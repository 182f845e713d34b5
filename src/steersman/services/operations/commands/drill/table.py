"""Prints what came of a drill: a line for each scenario as it ends, and the goals at the end.

On a terminal it has colours; anywhere else it is plain text, a line for a line, so that it can be piped.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.text import Text

from steersman.services.operations.commands.drill.goals import Goal
from steersman.services.operations.commands.drill.judge import Judgement

_HEADINGS = ("scenario", "detected", "cause", "repaired", "what was done", "harm and remarks")
_WIDTHS = (26, 9, 6, 9, 54)
FOOTER = (
    "Seconds count from the injection. Each watcher knew fourteen days that were composed out of a recording of this "
    "mesh: every value in them was measured here, only their order follows a daily and weekly curve; no random numbers."
)


def cells(one: Judgement) -> tuple[str, ...]:
    """The words of a scenario's line, in the order of the headings."""
    if one.control:
        first = ("control", "-", "-")
    else:
        first = (_seconds(one.detected), f"#{one.rank}" if one.rank else "no", _repaired(one))
    return (one.scenario, *first, "; ".join(one.done) or "nothing", "; ".join(_remarks(one)))


def _seconds(value: float | None) -> str:
    return "no" if value is None else f"{value:.1f} s"


def _repaired(one: Judgement) -> str:
    return _seconds(one.repaired) + ("" if one.repaired is None or one.verified else " ?")


def _remarks(one: Judgement) -> Iterator[str]:
    if one.failure:
        yield f"FAILED: {one.failure}"
    yield from (f"HARM: {what}" for what in one.harm)
    if one.false_incidents:
        yield f"{one.false_incidents} false incidents" if one.false_incidents > 1 else "1 false incident"
    yield from one.notes


class Printer:
    """Writes to a console as the drill goes on."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def say(self, text: str) -> None:
        """A line about what happens now."""
        self._console.print(Text(text, "dim"), highlight=False, soft_wrap=True)

    def headings(self) -> None:
        self._console.print(Text(_row(_HEADINGS), "bold"), highlight=False, soft_wrap=True)

    def judged(self, one: Judgement) -> None:
        """A scenario's line."""
        style = "green" if one.passed else "red" if one.harm or one.failure else "yellow"
        self._console.print(Text(_row(cells(one)), style), highlight=False, soft_wrap=True)

    def goals(self, found: Sequence[Goal]) -> None:
        """The run against the goals."""
        self._console.print()
        for goal in found:
            word, style = {True: ("met", "green"), False: ("MISSED", "red"), None: ("-", "dim")}[goal.met]
            line = f"{goal.name:<42} {goal.wanted:>9}   {goal.reached:<24} {word}"
            self._console.print(Text(line, style), highlight=False, soft_wrap=True)
        self._console.print(Text(f"\n{FOOTER}", "dim"), highlight=False, soft_wrap=True)


def _row(texts: Sequence[str]) -> str:
    padded = [f"{text:<{width}}" for text, width in zip(texts, _WIDTHS, strict=False)]
    return "  ".join([*padded, *texts[len(_WIDTHS) :]]).rstrip()


def as_json(judged: Sequence[Judgement], found: Sequence[Goal], about: Mapping[str, Any]) -> str:
    """The whole run for machines."""
    scenarios = [{**asdict(one), "cured": one.cured, "passed": one.passed} for one in judged]
    return json.dumps({**about, "scenarios": scenarios, "goals": [asdict(goal) for goal in found]}, indent=2)


def as_markdown(judged: Sequence[Judgement], found: Sequence[Goal], about: Mapping[str, Any]) -> str:
    """The whole run for the documentation: the circumstances, the goals, the scenarios."""
    circumstances = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in about.items())
    goal_rows = ((goal.name, goal.wanted, goal.reached, _MET[goal.met]) for goal in found)
    parts = (
        f"{circumstances}.",
        "\n".join(_markdown_table(("goal", "wanted", "reached", ""), goal_rows)),
        "\n".join(_markdown_table(_HEADINGS, map(cells, judged))),
        FOOTER,
    )
    return "\n\n".join(parts) + "\n"


_MET = {True: "met", False: "**missed**", None: "-"}


def _markdown_table(headings: Sequence[str], rows: Iterator[Sequence[str]] | map[tuple[str, ...]]) -> Iterator[str]:
    yield _markdown_row(headings)
    yield "|" + "---|" * len(headings)
    for row in rows:
        yield _markdown_row(row)


def _markdown_row(texts: Sequence[str]) -> str:
    return "| " + " | ".join(text.replace("|", "\\|") for text in texts) + " |"
