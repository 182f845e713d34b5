"""A playbook: rounds in, commands out, over a small shop whose services need one another."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import pytest

from steersman.engine.loop import LoopState, step
from steersman.model.changes import Change, ChangeKind
from steersman.model.entities import CauseKind, Entity, EntityKind
from steersman.model.findings import Aspect, Direction, Finding, FindingSource
from steersman.model.incidents import Hypothesis, Incident
from steersman.model.plans import Policy, Remedy, Risk
from steersman.model.rounds import (
    AskRemedies,
    Command,
    Decided,
    IncidentChanged,
    Judged,
    Progress,
    Remedies,
    Round,
)
from steersman.model.topology import Edge, EdgeKind

T = TypeVar("T")
T0 = 1_767_225_600_000
CALLS = {
    "front": ["orders", "inventory"],
    "orders": ["payments", "inventory", "database", "worker"],
    "inventory": ["cache", "database"],
    "worker": ["database"],
    "batch": [],
}
NAMES = ["front", "orders", "inventory", "payments", "cache", "database", "worker", "batch"]
HOST = Entity(EntityKind.HOST, "box")


def service(name: str) -> Entity:
    return Entity(EntityKind.SERVICE, name, (("environment", "drill"), ("self_healing", "true")))


def bare(name: str) -> Entity:
    """Return the entity as telemetry has it, without labels; `kind:id` names any other."""
    kind, _, id_ = name.rpartition(":")
    return Entity(EntityKind(kind or "service"), id_)


def shop() -> tuple[Edge, ...]:
    calls = [
        Edge(EdgeKind.CALLS, service(one), service(two), T0, declared=True)
        for one, many in CALLS.items()
        for two in many
    ]
    return (*calls, *(Edge(EdgeKind.RUNS_ON, service(name), HOST, T0, declared=True) for name in NAMES))


def seen(
    at: str,
    aspect: Aspect,
    direction: Direction = Direction.HIGH,
    *,
    peer: str = "",
    second: float = 0.0,
    severity: Any = "warning",
    reason: str = "",
    suggests: Iterable[CauseKind] = (),
    source: FindingSource = FindingSource.DETECTOR,
) -> Finding:
    """Build a finding; its key follows from what it is about."""
    name = at.rpartition(":")[2]
    return Finding(
        key=f"{aspect}:{at}:{peer}",
        entity=bare(at),
        aspect=aspect,
        direction=direction,
        source=source,
        severity=severity,
        started_ms=T0 + round(second * 1000),
        seen_ms=T0 + round(second * 1000),
        reason=reason or f"{aspect} of {name} is {direction}",
        peer=bare(peer) if peer else None,
        suggests=frozenset(suggests),
    )


def changed(at: str, kind: ChangeKind, second: float = -3.0) -> Change:
    time_ms = T0 + round(second * 1000)
    return Change(id=f"{kind}:{at}:{time_ms}", time_ms=time_ms, entity=bare(at), kind=kind, summary=f"{kind} of {at}")


def remedy(hypothesis: Hypothesis, **more: Any) -> Remedy:
    """Build an action that declares to help with a cause where it was suspected."""
    values: dict[str, Any] = {
        "action": "shop.repair",
        "args": {},
        "target": hypothesis.entity,
        "cause": hypothesis.cause,
        "risk": Risk.DISRUPTIVE,
        "summary": f"repair {hypothesis.entity.id}",
    }
    return Remedy(**(values | more))


@dataclass
class Playbook:
    """Plays rounds of a second each; what the outside would answer is up to `helps` and `effect`."""

    policy: Policy = field(default_factory=Policy)
    edges: tuple[Edge, ...] = field(default_factory=shop)
    helps: Callable[[Hypothesis], Iterable[Remedy]] = lambda _hypothesis: ()
    effect: Callable[[Decided], str] = lambda _decided: ""
    state: LoopState = field(default_factory=LoopState)
    second: int = -1
    told: list[tuple[int, Command]] = field(default_factory=list)
    rounds: list[tuple[Round, tuple[Finding, ...]]] = field(default_factory=list)
    _remedies: tuple[Remedies, ...] = ()
    _progress: tuple[Progress, ...] = ()

    def play(self, *noticed: Finding, **more: Any) -> tuple[Command, ...]:
        """Play the next second; answers to the commands of the last one go in with it."""
        self.second += 1
        now = T0 + self.second * 1000
        first = {"entities": (*map(service, NAMES), HOST), "edges": self.edges, "policy": self.policy}
        given: dict[str, Any] = {"remedies": self._remedies, "progress": self._progress}
        values = (first if self.second == 0 else {}) | given | more
        current = Round(now_ms=now, seed=self.second, **values)
        self.rounds.append((current, noticed))
        self.state, commands = step(self.state, current, noticed)
        self.told += [(self.second, command) for command in commands]
        self._answer(commands, now)
        return commands

    def run(self, seconds: int, *noticed: Finding, **more: Any) -> None:
        """Play findings in the first of so many seconds."""
        self.play(*noticed, **more)
        for _ in range(seconds - 1):
            self.play()

    def ended(self, *findings: Finding) -> tuple[Finding, ...]:
        """Return findings as they end with the next second."""
        now = T0 + (self.second + 1) * 1000
        return tuple(replace(finding, seen_ms=now, ended_ms=now) for finding in findings)

    def all(self, kind: type[T]) -> list[T]:
        return [command for _, command in self.told if isinstance(command, kind)]

    def incident(self) -> Incident:
        """Return the only incident as it was told last."""
        last = {one.incident.id: one.incident for one in self.all(IncidentChanged)}
        (incident,) = last.values()
        return incident

    @property
    def top(self) -> str:
        return self.incident().hypotheses[0].key

    @property
    def verdicts(self) -> list[str]:
        return [one.verdict.kind.value for one in self.all(Judged)]

    def _answer(self, commands: Iterable[Command], now: int) -> None:
        asked = [one for one in commands if isinstance(one, AskRemedies)]
        self._remedies = tuple(
            Remedies(one.incident, tuple(found for cause in one.hypotheses for found in self.helps(cause)))
            for one in asked
        )
        done = [(one, self.effect(one)) for one in commands if isinstance(one, Decided)]
        self._progress = tuple(Progress(plan=one.plan.id, state=what, time_ms=now) for one, what in done if what)


@pytest.fixture
def playbook() -> type[Playbook]:
    return Playbook


@pytest.fixture(name="seen")
def _seen() -> Callable[..., Finding]:
    return seen


@pytest.fixture(name="changed")
def _changed() -> Callable[..., Change]:
    return changed


@pytest.fixture(name="remedy")
def _remedy() -> Callable[..., Remedy]:
    return remedy
