"""Decides upon a recording again, and compares with another policy or other detectors.

The output depends on the file alone: the same lines on every machine, whatever the process that wrote them. A file of
series that others recorded holds no answers, so installed actions stand in as they are declared; none is carried out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from steersman.contract.service import Action, Service
from steersman.engine.detect.senses import DetectRules, Senses
from steersman.engine.loop import LoopState
from steersman.engine.recording.arrays import unpack
from steersman.engine.recording.frames import FIRST_LINE, Beginning, contents
from steersman.model.incidents import Hypothesis
from steersman.model.plain import read
from steersman.model.plans import Policy, Remedy
from steersman.model.rounds import Ask, Command, Round, Trend
from steersman.runtime.registry import GROUP
from steersman.runtime.telemetry.foreign import read_series
from steersman.services.operations.commands.changed_policy import read_changes
from steersman.services.operations.logic.deciding import decide, trends_for
from steersman.services.operations.logic.described import described
from steersman.services.operations.logic.phrases import text_line
from steersman.services.operations.logic.policy import policy_of
from steersman.services.operations.logic.replaying import (
    Answers,
    Comparison,
    History,
    Taken,
    again,
    compare,
    rounds_of,
    what_if,
)

_File = Annotated[Path, typer.Argument(help="A recording, or Parquet or CSV with series.", exists=True, dir_okay=False)]
_Policy = Annotated[Path | None, typer.Option("--policy", help="TOML with [operations] or [detect] to compare with.")]
_Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


@dataclass(slots=True)
class Run:
    """One loop, live in memory only."""

    senses: Senses
    state: LoopState = field(default_factory=LoopState)

    def decide(self, told: Round) -> tuple[Command, ...]:
        """Fold one round."""
        self.state, commands = decide(self.senses, self.state, told)
        return commands

    def recollect(self, ask: Ask) -> Sequence[Trend]:
        """Answer a question from what the detectors remember."""
        return trends_for(self.senses, self.state, ask)


@dataclass(frozen=True, slots=True)
class Recording:
    """Rounds, what was known before them, and whether the answers are in them."""

    rounds: tuple[Round, ...]
    beginning: Beginning | None = None
    is_own: bool = True

    def run(self, rules: DetectRules | None = None) -> Run:
        """Return a loop that stands where the recording begins."""
        if self.beginning is None:
            return Run(Senses(rules))
        state = read(LoopState, orjson.loads(self.beginning.state))
        return Run(Senses.restore(unpack(self.beginning.learnt), rules), state)


def replay(file: _File, policy: _Policy = None, as_json: _Json = False) -> None:  # noqa: FBT002 - typer makes a flag of it
    """Print the decisions of a recording, the same every time; with --policy, what would be different."""
    recording = recording_in(file)
    write = _json_line if as_json else text_line
    if policy is not None:
        _print_comparison(recording, policy, as_json=as_json)
        return
    for taken in _decisions(recording):
        if (line := described(taken.command)) is not None:
            typer.echo(write(taken.now_ms, *line))


def recording_in(file: Path) -> Recording:
    """Read a recording of either kind; raises `InvalidInput` with the offset of the first bad byte."""
    with file.open("rb") as content:
        own = content.read(len(FIRST_LINE)) == FIRST_LINE
    if own or file.suffix not in {".csv", ".parquet"}:
        parts = list(contents(file.read_bytes()))
        beginning = next((one for one in parts if isinstance(one, Beginning)), None)
        return Recording(tuple(one for one in parts if isinstance(one, Round)), beginning)
    found = read_series(file)
    rounds = list(rounds_of(found.keys, found.samples))
    if rounds:
        # Whoever wrote the file had a pace of their own, and nobody was held up.
        rounds[0] = replace(rounds[0], policy=Policy(limits={"late_seconds": float(1 << 40)}))
    return Recording(tuple(rounds), is_own=False)


def _decisions(recording: Recording) -> Iterator[Taken]:
    run = recording.run()
    if recording.is_own:
        return again(recording.rounds, run.decide)
    return what_if(recording.rounds, run.decide, Answers(History(), run.recollect, _declared(discover_actions())))


def discover_actions() -> tuple[tuple[Service, Action], ...]:
    """Return what is installed, without starting any of it."""
    services: list[Service] = [point.load() for point in sorted(entry_points(group=GROUP), key=lambda one: one.name)]
    return tuple((service, action) for service in services for action in service.actions)


def _declared(actions: Sequence[tuple[Service, Action]]) -> Callable[[Hypothesis], Sequence[Remedy]]:
    """Offer what actions declare to help with; nobody can say with which arguments."""

    def offers(hypothesis: Hypothesis) -> list[Remedy]:
        return [
            Remedy(
                action=f"{service.name}.{action.name}",
                args={},
                target=hypothesis.entity,
                cause=hypothesis.cause,
                risk=action.risk,
                summary=action.help,
                reversible=action.undo is not None,
                gain=action.gain,
            )
            for service, action in actions
            if action.propose is not None and hypothesis.cause in action.helps
        ]

    return offers


def _json_line(now_ms: int, kind: str, line: dict[str, Any]) -> str:
    return orjson.dumps({"time_ms": now_ms, "type": kind, **line}).decode()


def _print_comparison(recording: Recording, policy: Path, *, as_json: bool) -> None:
    wanted = read_changes(policy)
    rounds = recording.rounds
    changed = policy_of(wanted.policy, rounds[0].now_ms) if wanted.policy and rounds else None
    recorded, other = recording.run(), recording.run(wanted.detect)
    found = compare(rounds, recorded.decide, other.decide, other.recollect, changed)
    typer.echo("\n".join(_json_comparison(found) if as_json else _text_comparison(found)))


def _text_comparison(found: Comparison) -> Iterator[str]:
    yield f"recorded: acted {len(found.recorded)} times"
    yield from (f"  {deed.action} on {deed.target} against {deed.cause}" for deed in found.recorded)
    yield f"changed: would have acted {len(found.changed)} times, {len(found.harm)} of them harmful"
    for number, deed in enumerate(found.changed):
        harm = f"  HARMFUL: {found.harm[number]}" if number in found.harm else ""
        yield f"  {deed.action} on {deed.target} against {deed.cause}{harm}"


def _json_comparison(found: Comparison) -> Iterable[str]:
    deeds = [
        {"action": deed.action, "target": deed.target, "cause": deed.cause, "harm": found.harm.get(number)}
        for number, deed in enumerate(found.changed)
    ]
    recorded = [{"action": deed.action, "target": deed.target, "cause": deed.cause} for deed in found.recorded]
    return [orjson.dumps({"recorded": recorded, "changed": deeds, "harmful": len(found.harm)}).decode()]
