"""Takes the decisions of a recording again, and under another policy or other detectors says what would be different.

The first is a walk over the rounds as they were. In the second the world has to answer differently, and nobody knows
how: an action that the recording holds goes as it went there; one that it does not hold is counted and gets no answer.
A deed is harmful when the recording shows that it made things worse, when a person called its incident wrong, or when
it is done to an entity whose incident ended without any deed in the recording.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from steersman.model.entities import CauseKind
from steersman.model.ids import Id
from steersman.model.incidents import Hypothesis, IncidentState
from steersman.model.plans import Autonomy, Plan, Policy, Remedy, VerdictKind
from steersman.model.rounds import (
    Ask,
    AskRemedies,
    Command,
    Decided,
    IncidentChanged,
    Judged,
    NewSeries,
    Progress,
    Remedies,
    Round,
    SampleColumns,
    Telemetry,
    Trend,
)

#: Folds one round, keeping its state to itself.
Decide = Callable[[Round], tuple[Command, ...]]
#: What could be done about a cause, when the recording does not say.
Offers = Callable[[Hypothesis], Sequence[Remedy]]
#: How signals went, by the detectors of the run that asks.
Recollect = Callable[[Ask], Sequence[Trend]]

_ROUND_MS = 1000
#: How long after a decision the recording's progress of the same deed is told again, at the least.
_NEXT_ROUND_MS = 1


@dataclass(frozen=True, slots=True)
class Taken:
    """A command and the round in which it was given."""

    now_ms: int
    command: Command


def again(rounds: Iterable[Round], decide: Decide) -> Iterator[Taken]:
    """Yield the commands of the rounds as they were recorded."""
    for one in rounds:
        for command in decide(one):
            yield Taken(one.now_ms, command)


def rounds_of(keys: Sequence[bytes], samples: SampleColumns) -> Iterator[Round]:
    """Cut series into rounds of one second by their own time, in which nothing was reported or answered.

    `samples` are in the order of their time. Times without samples make no round.
    """
    if not samples.times.size:
        return
    ends = -(-samples.times // _ROUND_MS) * _ROUND_MS
    borders = [0, *(np.flatnonzero(np.diff(ends)) + 1).tolist(), samples.times.size]
    for number, (first, last) in enumerate(pairwise(borders)):
        part = SampleColumns(samples.series[first:last], samples.times[first:last], samples.values[first:last])
        new = (NewSeries(0, tuple(keys)),) if number == 0 else ()
        yield Round(now_ms=int(ends[first]), seed=number, telemetry=Telemetry(new_series=new, samples=(part,)))


@dataclass(frozen=True, slots=True)
class Deed:
    """What would be done, by what it is and not by its id, so that two runs can be compared."""

    action: str
    target: str
    cause: str

    @classmethod
    def of(cls, plan: Plan) -> Deed:
        """Return the deed of a plan."""
        return cls(plan.remedy.action, plan.remedy.target.ref, str(plan.remedy.cause))


@dataclass(slots=True)
class History:
    """What the recording says about deeds and remedies, gathered while it is walked over once."""

    remedies: dict[tuple[CauseKind, str], list[Remedy]] = field(default_factory=dict)
    progress: dict[Deed, list[tuple[int, Progress]]] = field(default_factory=dict)
    worse: set[Deed] = field(default_factory=set)
    ended_alone: set[str] = field(default_factory=set)
    wrong: set[str] = field(default_factory=set)
    acted: list[Deed] = field(default_factory=list)
    _plans: dict[Id, Plan] = field(default_factory=dict)
    _entities: dict[Id, tuple[str, ...]] = field(default_factory=dict)
    _with_deed: set[Id] = field(default_factory=set)

    def told(self, one: Round) -> None:
        """Remember what a round says about deeds."""
        for offered in one.remedies:
            for remedy in offered.remedies:
                known = self.remedies.setdefault((remedy.cause, remedy.target.ref), [])
                if remedy not in known:
                    known.append(remedy)
        for step in one.progress:
            if (plan := self._plans.get(step.plan)) is not None:
                later = step.time_ms - plan.decided_ms
                self.progress.setdefault(Deed.of(plan), []).append((later, step))
        for word in one.feedback:
            if word.kind == "wrong":
                self.wrong.update(self._entities.get(word.incident, ()))

    def decided(self, commands: Iterable[Command]) -> None:
        """Remember what came of it."""
        for command in commands:
            match command:
                case Decided(plan):
                    self._plans[plan.id] = plan
                    if plan.autonomy is Autonomy.ACT:
                        self.acted.append(Deed.of(plan))
                        self._with_deed.add(plan.incident)
                case Judged(plan, verdict, _):
                    if verdict.kind is VerdictKind.WORSE or verdict.harm:
                        self.worse.add(Deed.of(plan))
                case IncidentChanged(incident, _):
                    self._entities[incident.id] = incident.entities
                    if incident.state is IncidentState.RESOLVED and incident.id not in self._with_deed:
                        self.ended_alone.update(incident.entities)

    def harm_of(self, deed: Deed) -> str:
        """Say why a deed counts as harmful, or return nothing."""
        if deed in self.worse:
            return "it made things worse in the recording"
        if deed.target in self.wrong:
            return "a person called the incident wrong"
        if deed not in self.progress and deed.target in self.ended_alone:
            return "in the recording it ended without any deed"
        return ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a recording did and what it would have done: deeds in the order in which they were decided."""

    recorded: tuple[Deed, ...]
    changed: tuple[Deed, ...]
    harm: Mapping[int, str]


def compare(
    rounds: Sequence[Round], recorded: Decide, changed: Decide, recollect: Recollect, policy: Policy | None
) -> Comparison:
    """Walk over the rounds twice: as they were, and with what is changed. `recollect` is of the changed run."""
    history = History()
    for one in rounds:
        commands = recorded(one)
        history.told(one)
        history.decided(commands)
    told = [replace(one, policy=None) for one in rounds]
    if policy is not None and told:
        told[0] = replace(told[0], policy=policy)
    commands_then = (taken.command for taken in what_if(told, changed, Answers(history, recollect)))
    plans = [one.plan for one in commands_then if isinstance(one, Decided)]
    deeds = [Deed.of(plan) for plan in plans if plan.autonomy is Autonomy.ACT]
    harm = {number: reason for number, deed in enumerate(deeds) if (reason := history.harm_of(deed))}
    return Comparison(tuple(history.acted), tuple(deeds), harm)


def what_if(rounds: Iterable[Round], decide: Decide, answers: Answers) -> Iterator[Taken]:
    """Yield the commands of rounds whose answers are worked out instead of recorded."""
    for one in rounds:
        commands = decide(answers.into(one))
        answers.take(commands, one.now_ms)
        for command in commands:
            yield Taken(one.now_ms, command)


@dataclass(slots=True)
class Answers:
    """Answers the questions of a changed run out of what the recording holds."""

    history: History
    recollect: Recollect
    offers: Offers = lambda _hypothesis: ()
    _trends: list[Trend] = field(default_factory=list)
    _remedies: list[Remedies] = field(default_factory=list)
    _progress: list[Progress] = field(default_factory=list)

    def take(self, commands: Iterable[Command], now_ms: int) -> None:
        """Work out the answers to what was asked and done."""
        for command in commands:
            match command:
                case Ask():
                    self._trends.extend(self.recollect(command))
                case AskRemedies(incident, hypotheses):
                    found = tuple(remedy for one in hypotheses for remedy in self._known(one))
                    self._remedies.append(Remedies(incident, found))
                case Decided(plan) if plan.autonomy is Autonomy.ACT:
                    for later, step in self.history.progress.get(Deed.of(plan), ()):
                        time_ms = now_ms + max(later, _NEXT_ROUND_MS)
                        self._progress.append(replace(step, plan=plan.id, time_ms=time_ms))
                case _:
                    pass

    def _known(self, hypothesis: Hypothesis) -> Sequence[Remedy]:
        known = self.history.remedies.get((hypothesis.cause, hypothesis.entity.ref))
        return known if known is not None else self.offers(hypothesis)

    def into(self, one: Round) -> Round:
        """Return the round with these answers in the place of the recorded ones."""
        due = tuple(step for step in self._progress if step.time_ms <= one.now_ms)
        self._progress = [step for step in self._progress if step.time_ms > one.now_ms]
        remedies, self._remedies = tuple(self._remedies), []
        trends, self._trends = tuple(self._trends), []
        return replace(one, trends=trends, remedies=remedies, progress=due)
