"""The one place that changes during a step: a working copy of the state, with the commands that came of it so far.

Stages share one draft and nothing of it outlives the step. Their judgement lives in pure functions over values.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from steersman.engine.loop_state import Case, LoopState
from steersman.engine.loop_wiring import Wiring
from steersman.model.changes import Change
from steersman.model.findings import Finding
from steersman.model.ids import Id, uuid7
from steersman.model.incidents import Incident, IncidentState
from steersman.model.rounds import Command, IncidentChanged, Round

#: Limits of the policy that tune the loop, with what holds when the owner says nothing. Seconds, shares and counts.
DEFAULTS = {
    "calm_seconds": 10.0,  # an incident stays mitigated for so long before it is resolved
    "cured_seconds": 3.0,  # signals have to stay well for so long before an action counts as a cure
    "slack_seconds": 5.0,  # a remedy gets so much longer than it declares
    "settle_seconds": 2.0,  # an incident without a likely cause is looked at for so long
    "settle_seen_seconds": 2.0,  # a cause that its supervisor saw has to be the likeliest for so long
    "patience_seconds": 20.0,  # uncertain for longer than this, the loop turns to a person
    "reopen_seconds": 120.0,  # what comes back so soon is the old incident
    "together_seconds": 120.0,  # what begins later than this below an incident is another one
    "change_seconds": 600.0,  # a change is suspect for so long
    "blind_share": 0.3,  # without this share of the sources the loop is blind
    "late_seconds": 2.5,  # a round that comes so much after the last one shows that the loop itself is held up
    "late_rest_seconds": 10.0,  # and for so long it does not trust what others did not answer in time
    "most_acts": 3.0,  # acts for one incident before a person is called
}


class Draft:
    """The state of a step while it is made."""

    def __init__(self, state: LoopState, current: Round) -> None:
        self._state = state
        self.round = current
        self.now_ms = current.now_ms
        self.policy = current.policy or state.policy
        self.findings = dict(state.findings)
        self.owners = dict(state.owners)
        self.cases = dict(state.cases)
        self.closed = dict(state.closed)
        self.plans = dict(state.plans)
        self.lessons = dict(state.lessons)
        self.begun = dict(state.begun)
        self.changes = state.changes
        self.acts = state.acts
        self.topology = state.topology
        self.watched = state.watched
        self.swept_ms = state.swept_ms
        self.late_ms = state.late_ms
        self.heard_ms = state.heard_ms
        self.gap_ms = current.now_ms - state.now_ms if state.now_ms else 0
        self.commands: list[Command] = []
        self.stale: dict[Id, None] = {}  # incidents whose picture changed, in the order of its coming
        self._wiring: Wiring | None = None
        self._notes: dict[str, list[Finding]] | None = None
        self._ids = 0

    @property
    def wiring(self) -> Wiring:
        """The walks over the topology; built when something asks for them."""
        if self._wiring is None:
            called = (finding for finding in self.findings.values() if finding.peer is not None)
            self._wiring = Wiring(self.topology, called)
        return self._wiring

    @property
    def notes(self) -> Mapping[str, Sequence[Finding]]:
        """Information that is current, by the entity that it is about; it is evidence for whoever is near."""
        if self._notes is None:
            self._notes = {}
            for finding in self.findings.values():
                if finding.severity == "info" and finding.active:
                    self._notes.setdefault(self.wiring.fold(finding.entity.ref), []).append(finding)
        return self._notes

    def new_id(self) -> Id:
        """Return the next id of this round: the same in every replay."""
        self._ids += 1
        digest = hashlib.blake2b(f"{self.round.seed}:{self._ids}".encode(), digest_size=16).digest()
        return uuid7(self.now_ms, lambda bits: int.from_bytes(digest, "big") >> (128 - bits))

    def limit(self, name: str) -> float:
        """Return a tuning of the loop: the owner's, or the default."""
        return self.policy.limits.get(name, DEFAULTS[name])

    def limit_ms(self, name: str) -> int:
        return round(self.limit(name) * 1000)

    def emit(self, command: Command) -> None:
        self.commands.append(command)

    def keep(self, case: Case) -> None:
        """Keep a case as it is now, without a word about it."""
        self.cases[case.incident.id] = case

    def tell(self, case: Case, why: str, **changed: object) -> Case:
        """Change the incident of a case, keep it and say so."""
        incident: Incident = replace(case.incident, updated_ms=self.now_ms, **changed)  # type: ignore[arg-type] # the callers name fields of Incident
        case = replace(case, incident=incident)
        if incident.state is IncidentState.RESOLVED:
            self.cases.pop(incident.id, None)
            self.closed[incident.id] = case
        else:
            self.closed.pop(incident.id, None)
            self.cases[incident.id] = case
        self.emit(IncidentChanged(incident, why))
        return case

    def found(self, case: Case) -> list[Finding]:
        """Return the findings of a case that are still known, ended or not."""
        return [self.findings[key] for key in case.incident.findings if key in self.findings]

    def active(self, case: Case) -> list[Finding]:
        """Return what is still wrong: information is no trouble."""
        return [finding for finding in self.found(case) if finding.active and finding.severity != "info"]

    def recent_changes(self, since_ms: int, until_ms: int) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if since_ms <= change.time_ms <= until_ms)

    def frozen(self) -> LoopState:
        """Return the state for the next round."""
        return LoopState(
            now_ms=self.now_ms,
            findings=self.findings,
            owners=self.owners,
            cases=self.cases,
            closed=self.closed,
            topology=self.topology,
            watched=self.watched,
            changes=self.changes,
            begun=self.begun,
            plans=self.plans,
            lessons=self.lessons,
            policy=self.policy,
            acts=self.acts,
            swept_ms=self.swept_ms,
            late_ms=self.late_ms,
            heard_ms=self.heard_ms,
        )
