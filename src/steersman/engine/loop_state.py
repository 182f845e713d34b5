"""What the loop remembers from one round to the next: frozen values, so that a snapshot is one walk over fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from steersman.model.changes import Change
from steersman.model.findings import Finding
from steersman.model.ids import Id
from steersman.model.incidents import Hypothesis, Incident
from steersman.model.plans import Lesson, Plan, PlanState, Policy, Remedy
from steersman.model.rounds import Trend
from steersman.model.topology import Topology


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One remedy that an incident has seen, and what came of it. `what` names the act with its target and arguments.

    `applied_ms` is when its effect was there, and `undone` that it is taken back.
    """

    plan: Id
    what: str
    action: str
    situation: str
    summary: str
    cause: str
    state: PlanState
    acted: bool
    ended_ms: int
    applied_ms: int | None = None
    undone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """What an incident has asked for so far: evidence (in how many rounds, and the answers) and remedies."""

    rounds: int = 0
    asked_ms: int = 0
    trends: tuple[Trend, ...] = ()
    causes: tuple[str, ...] = ()  # the hypotheses for which remedies were asked
    causes_ms: int = 0
    remedies: tuple[Remedy, ...] = ()
    answered_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An incident and what the loop has to know about it beyond what a person is shown.

    `settled_ms` is since when the likeliest cause is what it is, `joined_ms` when a finding last joined, `withheld` the
    last abstention (so that it is said once), `denied` the hypotheses that a person called wrong, `refused` how often a
    guard outside of the loop said no.
    """

    incident: Incident
    settled_ms: int
    joined_ms: int
    inquiry: Inquiry = Inquiry()
    attempts: tuple[Attempt, ...] = ()
    withheld: str = ""
    withheld_until_ms: int = 0
    decided: bool = False
    denied: tuple[str, ...] = ()
    refused: int = 0
    hold_until_ms: int = 0

    @property
    def top(self) -> Hypothesis | None:
        return self.incident.hypotheses[0] if self.incident.hypotheses else None

    @property
    def acts(self) -> int:
        """How many effects were tried."""
        return sum(attempt.acted for attempt in self.attempts)


@dataclass(frozen=True, slots=True)
class Act:
    """One act that was decided without a person or approved by one: what budgets and cool-downs count."""

    time_ms: int
    target: str
    plan: Id


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopState:
    """Everything between two rounds.

    `cases` are the incidents that are not resolved, `closed` the last ones that are; `owners` says which incident a
    finding belongs to; `plans` have not ended; `watched` are the entities that have telemetry; `begun` says when a
    finding about availability or restarts began, each time, which is how a loop of crashes shows; `late_ms` is when a
    round last came late, and `heard_ms` when the latest word of a person was said that was taken in.
    """

    now_ms: int = 0
    findings: Mapping[str, Finding] = field(default_factory=dict)
    owners: Mapping[str, Id] = field(default_factory=dict)
    cases: Mapping[Id, Case] = field(default_factory=dict)
    closed: Mapping[Id, Case] = field(default_factory=dict)
    topology: Topology = field(default_factory=Topology)
    watched: frozenset[str] = frozenset()
    changes: tuple[Change, ...] = ()
    begun: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    plans: Mapping[Id, Plan] = field(default_factory=dict)
    lessons: Mapping[str, Lesson] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)
    acts: tuple[Act, ...] = ()
    swept_ms: int = 0
    late_ms: int = 0
    heard_ms: int = 0

    @property
    def incidents(self) -> Mapping[Id, Incident]:
        """The incidents that are not resolved."""
        return {id_: case.incident for id_, case in self.cases.items()}
