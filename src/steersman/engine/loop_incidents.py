"""The life of incidents: findings open them, join them and end them, and people have their word."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from steersman.engine.correlate import Group, Placement, place, place_of, touched
from steersman.engine.diagnose.scene import HOSTS
from steersman.engine.diagnose.words import title
from steersman.engine.loop_draft import Draft
from steersman.engine.loop_lessons import remember
from steersman.engine.loop_state import Case
from steersman.model.changes import ChangeKind
from steersman.model.findings import Aspect, Finding, Severity
from steersman.model.ids import Id
from steersman.model.incidents import Incident, IncidentState
from steersman.model.plans import PlanState
from steersman.model.rounds import Abstained

_BLAMED = frozenset({ChangeKind.DEPLOY, ChangeKind.CONFIG, ChangeKind.KNOB, ChangeKind.SCALE})
_FIRST, _LAST = 48, 16
_RANK: dict[Severity, int] = {"info": 0, "warning": 1, "critical": 2}
#: A plan that waits for a person stays when incidents merge or end; these do not.
UNDER_WAY = frozenset(
    {PlanState.APPROVED, PlanState.APPLYING, PlanState.VERIFYING, PlanState.UNCHANGED, PlanState.WORSE}
)


def gather(draft: Draft, fresh: Sequence[Finding]) -> None:
    """Give every finding that began its incident: serious ones first, since information only joins."""
    begun = [finding for finding in fresh if finding.active]
    if not begun:
        return
    index = _Index(draft)
    for finding in sorted(begun, key=lambda one: (one.severity == "info", one.started_ms)):
        if draft.owners.get(finding.key) in draft.cases:
            _noted(draft, finding)
        elif finding.severity == "info":
            index.attach(finding)
        else:
            index.put(finding)


class _Index:
    """The open incidents by the entities in them, while findings are given out."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._by_entity: dict[str, dict[Id, None]] = {}
        self.crowded = frozenset(
            finding.entity.ref
            for finding in draft.findings.values()
            if finding.aspect is Aspect.CPU and finding.active and finding.entity.kind in HOSTS
        )
        for case in draft.cases.values():
            self.add(case)

    def add(self, case: Case) -> None:
        for ref in case.incident.entities:
            self._by_entity.setdefault(ref, {}).setdefault(case.incident.id)

    def near(self, refs: Iterable[str]) -> list[Case]:
        ids = dict.fromkeys(id_ for ref in refs for id_ in self._by_entity.get(ref, ()))
        return [self._draft.cases[id_] for id_ in ids if id_ in self._draft.cases]

    def attach(self, finding: Finding) -> None:
        """Let information join an incident that touches its entity, without a word: there is much of it."""
        draft = self._draft
        for case in self.near(touched(finding, draft.wiring))[:1]:
            draft.owners[finding.key] = case.incident.id
            draft.stale.setdefault(case.incident.id)
            draft.keep(replace(case, incident=replace(case.incident, findings=(*case.incident.findings, finding.key))))

    def put(self, finding: Finding) -> None:
        """Find the incident of a serious finding, or open one."""
        draft, wiring = self._draft, self._draft.wiring
        wiring.learn(finding)
        ends = touched(finding, wiring)
        around = dict.fromkeys([*ends, *wiring.below(ends[-1]), *wiring.above(ends[-1])])
        for machine in sorted(self.crowded.intersection(around)):
            around.update(dict.fromkeys(wiring.needed_by(machine)))
        for caller in wiring.needed_by(ends[-1]):
            around.update(dict.fromkeys(wiring.needs(caller)))
        near = self.near(around)
        if finding.aspect is Aspect.SOURCE:
            near = list(draft.cases.values())  # silence spreads along no edge
        groups = [_group(draft, case) for case in near]
        together = draft.limit_ms("together_seconds")
        found = place(finding, groups, wiring, together, self.crowded) if groups else Placement()
        if found.joins is None:
            if _came_back(draft, finding, self):
                return
            self.add(self._with_notes(_opened(draft, finding), ends))
            return
        case = _joined(draft, draft.cases[found.joins], finding, found.why)
        for other in found.merges:
            case = _merged(draft, case, draft.cases[other])
        self.add(self._with_notes(case, ends))

    def _with_notes(self, case: Case, ends: Iterable[str]) -> Case:
        """Let information join that was there before, about the entities of a finding."""
        draft = self._draft
        known = (one for ref in ends for one in draft.notes.get(ref, ()) if one.key not in draft.owners)
        keys = tuple(dict.fromkeys(one.key for one in known))
        if not keys:
            return case
        draft.owners.update(dict.fromkeys(keys, case.incident.id))
        case = replace(case, incident=replace(case.incident, findings=(*case.incident.findings, *keys)))
        draft.keep(case)
        return case


def _group(draft: Draft, case: Case) -> Group:
    incident = case.incident
    since = incident.opened_ms - draft.limit_ms("change_seconds")
    changed = frozenset(
        draft.wiring.fold(change.entity.ref)
        for change in draft.recent_changes(since, draft.now_ms)
        if change.kind in _BLAMED
    )
    # In a flood the first and the last say what it is about; looking at all of them each time would be quadratic.
    keys = (*incident.findings[:_FIRST], *incident.findings[_FIRST:][-_LAST:])
    known = (draft.findings[key] for key in keys if key in draft.findings)
    serious = [finding for finding in known if finding.severity != "info"]
    active = tuple(finding for finding in serious if finding.active)
    # A mitigated incident is still known by what it showed.
    return Group(
        incident.id, incident.opened_ms, case.joined_ms, frozenset(incident.entities), active or tuple(serious), changed
    )


def _opened(draft: Draft, finding: Finding) -> Case:
    incident = Incident(
        id=draft.new_id(),
        opened_ms=draft.now_ms,
        updated_ms=draft.now_ms,
        severity=finding.severity,
        title=title([finding], None),
        findings=(finding.key,),
        entities=tuple(dict.fromkeys(touched(finding, draft.wiring))),
        tenant=finding.tenant,
    )
    case = Case(incident=incident, settled_ms=draft.now_ms, joined_ms=finding.started_ms)
    draft.owners[finding.key] = incident.id
    draft.stale.setdefault(incident.id)
    return draft.tell(case, f"opened by {finding.entity.ref}: {finding.reason}")


def _joined(draft: Draft, case: Case, finding: Finding, why: str) -> Case:
    incident = case.incident
    draft.owners[finding.key] = incident.id
    draft.stale.setdefault(incident.id)
    case = replace(case, joined_ms=max(case.joined_ms, finding.started_ms))
    return draft.tell(
        case,
        f"joined by {finding.entity.ref}: {finding.reason} ({why})",
        findings=tuple(dict.fromkeys((*incident.findings, finding.key))),
        entities=tuple(dict.fromkeys((*incident.entities, *touched(finding, draft.wiring)))),
        severity=_worst(incident.severity, finding.severity),
        **_reopened(draft, case, finding),
    )


def _reopened(draft: Draft, case: Case, finding: Finding) -> dict[str, object]:
    """Return what changes when a serious finding joins what was thought to be over: what cured it did not last."""
    over = case.incident.state in {IncidentState.MITIGATED, IncidentState.RESOLVED}
    if finding.severity == "info" or not over:
        return {}
    last = case.attempts[-1] if case.attempts else None
    if last is not None and last.state is PlanState.CURED:
        remember(draft, last.action, last.situation, helped=False)
    return {"state": IncidentState.OPEN, "mitigated_ms": None, "resolved_ms": None, "resolution": ""}


def _noted(draft: Draft, finding: Finding) -> None:
    """Take note that a finding of an open incident began again or grew."""
    case = draft.cases[draft.owners[finding.key]]
    changes = _reopened(draft, case, finding)
    severity = _worst(case.incident.severity, finding.severity)
    if changes or severity != case.incident.severity:
        why = "came back" if changes else "became worse"
        draft.tell(case, f"{finding.entity.ref} {why}: {finding.reason}", severity=severity, **changes)


def _came_back(draft: Draft, finding: Finding, index: _Index) -> bool:
    """Reopen the incident that was just resolved, if the finding, or one like it at its place, was in it."""
    earliest = draft.now_ms - draft.limit_ms("reopen_seconds")
    at = place_of(finding, draft.wiring)
    for case in reversed(draft.closed.values()):
        if (case.incident.resolved_ms or 0) < earliest:
            break
        known = (draft.findings.get(key) for key in case.incident.findings)
        alike = any(
            one is not None and one.aspect is finding.aspect and place_of(one, draft.wiring) == at for one in known
        )
        if finding.key in case.incident.findings or alike:
            index.add(_joined(draft, replace(case, settled_ms=draft.now_ms), finding, "it came back"))
            return True
    return False


def _merged(draft: Draft, case: Case, other: Case) -> Case:
    """Let one incident take over another: the same cause is behind both."""
    if any(plan.incident == other.incident.id for plan in draft.plans.values()):
        return case  # what is being done about it has to end in its own incident
    for key in other.incident.findings:
        draft.owners[key] = case.incident.id
    why = f"it is part of {case.incident.id}: one cause is behind both"
    ended = draft.tell(other, why, state=IncidentState.RESOLVED, resolved_ms=draft.now_ms, resolution=why, findings=())
    if not ended.decided:
        draft.emit(Abstained(incident=other.incident.id, kind="wait", reason=why))
    return draft.tell(
        case,
        f"took over {other.incident.id}: one cause is behind both",
        findings=tuple(dict.fromkeys((*case.incident.findings, *other.incident.findings))),
        entities=tuple(dict.fromkeys((*case.incident.entities, *other.incident.entities))),
        severity=_worst(case.incident.severity, other.incident.severity),
    )


def _worst(one: Severity, other: Severity) -> Severity:
    return max(one, other, key=lambda severity: _RANK[severity])


def move_on(draft: Draft) -> None:
    """Let incidents whose findings have ended be mitigated, and after a calm while resolved."""
    for case in list(draft.cases.values()):
        state = case.incident.state
        if state is IncidentState.MITIGATED:
            _resolve_when_calm(draft, case)
        elif case.incident.id in draft.stale and not draft.active(case):
            draft.tell(case, "all of its findings have ended", state=IncidentState.MITIGATED, mitigated_ms=draft.now_ms)


def _resolve_when_calm(draft: Draft, case: Case) -> None:
    incident = case.incident
    calm_since = incident.mitigated_ms or draft.now_ms
    busy = any(plan.incident == incident.id and plan.state in UNDER_WAY for plan in draft.plans.values())
    if busy or draft.now_ms - calm_since < draft.limit_ms("calm_seconds"):
        return
    resolve(draft, case, _resolution(draft, case))


def _resolution(draft: Draft, case: Case) -> str:
    cure = next((one for one in reversed(case.attempts) if one.state is PlanState.CURED), None)
    took = max(0, (case.incident.mitigated_ms or draft.now_ms) - case.incident.opened_ms) / 1000
    if cure is not None:
        return f"{cure.summary}: cured after {took:.0f} s"
    return f"it ended by itself after {took:.0f} s"


def resolve(draft: Draft, case: Case, resolution: str) -> None:
    """End an incident, with a decision on record if there was none, and without plans that still wait for a person."""
    if not case.decided:
        draft.emit(Abstained(incident=case.incident.id, kind="wait", reason=f"nothing was done: {resolution}"))
        case = replace(case, decided=True)
    waiting = [
        id_ for id_, plan in draft.plans.items() if plan.incident == case.incident.id and plan.state not in UNDER_WAY
    ]
    for id_ in waiting:
        del draft.plans[id_]
    draft.tell(case, resolution, state=IncidentState.RESOLVED, resolved_ms=draft.now_ms, resolution=resolution)
