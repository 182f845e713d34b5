"""What goes into the loop and what comes out of it, one round at a time.

A round is all that became known in one second. It is also what a recording holds, so that the same rounds give the
same decisions; whatever the loop is told, it is told here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from steersman.model.changes import Change
from steersman.model.entities import Entity
from steersman.model.findings import Aspect, Finding
from steersman.model.ids import Id
from steersman.model.incidents import Hypothesis, Incident
from steersman.model.plans import Lesson, Plan, Policy, Remedy, Verdict
from steersman.model.topology import Edge

if TYPE_CHECKING:
    from numpy import float64, int32, int64
    from numpy.typing import NDArray

    from steersman.model.telemetry import LogColumns, SpanColumns


@dataclass(frozen=True, slots=True)
class NewSeries:
    """Series that a round names for the first time: number `first + i` has the canonical label bytes `keys[i]`."""

    first: int
    keys: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class SampleColumns:
    """Samples as parallel arrays: series number, time in milliseconds UTC, value."""

    series: NDArray[int32]
    times: NDArray[int64]
    values: NDArray[float64]


@dataclass(frozen=True, slots=True)
class Telemetry:
    """What arrived in one round. Series numbers are the sender's of the round, introduced by `new_series`."""

    new_series: tuple[NewSeries, ...] = ()
    samples: tuple[SampleColumns, ...] = ()
    logs: tuple[LogColumns, ...] = ()
    spans: tuple[SpanColumns, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """What a diagnosis wants to know and cannot see in the findings: how a signal of an entity went lately."""

    incident: Id
    entity: Entity
    aspect: Aspect


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """How one signal went: its level before the incident, its level now, and its slope per minute now.

    `limit` is where it cannot go further (a quota, a pool's size), `usual` its robust spread.
    """

    entity: Entity
    aspect: Aspect
    signal: str
    before: float
    now: float
    slope: float = 0.0
    usual: float = 0.0
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class Remedies:
    """The answer to `AskRemedies`: everything that declares to help, with arguments and a preview."""

    incident: Id
    remedies: tuple[Remedy, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What became of a plan outside of the loop. `outcome` says why, in words.

    The states are those that only the outside knows: approved, applying, verifying (the effect is there), failed,
    nothing_to_do, rejected, refused (a guard said no), undone, expired.
    """

    plan: Id
    state: str
    time_ms: int
    outcome: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """A person's word on an incident."""

    incident: Id
    kind: Literal["acknowledged", "resolved", "right", "wrong", "reopened"]
    time_ms: int
    actor: str
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """Everything that became known until `now_ms`. `seed` makes the ids of the round repeatable."""

    now_ms: int
    seed: int
    telemetry: Telemetry = Telemetry()
    findings: tuple[Finding, ...] = ()
    changes: tuple[Change, ...] = ()
    entities: tuple[Entity, ...] = ()
    edges: tuple[Edge, ...] = ()
    trends: tuple[Trend, ...] = ()
    remedies: tuple[Remedies, ...] = ()
    progress: tuple[Progress, ...] = ()
    feedback: tuple[Feedback, ...] = ()
    policy: Policy | None = None


@dataclass(frozen=True, slots=True)
class Noticed:
    """A finding began, grew or ended."""

    finding: Finding


@dataclass(frozen=True, slots=True)
class IncidentChanged:
    """An incident is new or different; `why` is a line of its timeline."""

    incident: Incident
    why: str


@dataclass(frozen=True, slots=True)
class Ask:
    """Questions of a diagnosis; the answers come as `trends` of a later round."""

    incident: Id
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class AskRemedies:
    """What could be done about these causes? The answer comes as `remedies` of a later round."""

    incident: Id
    hypotheses: tuple[Hypothesis, ...]


@dataclass(frozen=True, slots=True)
class Decided:
    """A plan: to be carried out, to be approved, or to be suggested, as its `autonomy` says."""

    plan: Plan


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A plan that only waits for a person's word is out of date. Where the word came first, it holds."""

    plan: Plan
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Abstained:
    """Nothing is done about an incident now, and why: wait for more, or let a person look."""

    incident: Id
    kind: Literal["wait", "escalate"]
    reason: str
    until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict on a plan. With `undo`, what was done is to be taken back."""

    plan: Plan
    verdict: Verdict
    undo: bool


@dataclass(frozen=True, slots=True)
class Learnt:
    """A lesson changed."""

    lesson: Lesson


Command = Noticed | IncidentChanged | Ask | AskRemedies | Decided | Withdrawn | Abstained | Judged | Learnt
