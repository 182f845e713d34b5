"""Writes what one round decided: the rows that say how things are, and the journal entries that say how they came.

Both happen in the caller's one transaction. An entry names its cause: an incident the finding that changed it, a plan
the incident, a verdict the plan, a lesson the verdict. The entries of an incident are its timeline; there is no second
log.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from steersman.contract.ports import Ids, Journal, JournalEntry
from steersman.model.changes import Change
from steersman.model.findings import Finding
from steersman.model.ids import Id, Tenant
from steersman.model.incidents import Incident
from steersman.model.plans import Lesson, Plan, PlanState, Verdict
from steersman.model.rounds import Abstained, Command, Decided, IncidentChanged, Judged, Learnt, Noticed, Progress
from steersman.services.operations.logic import lines
from steersman.services.operations.store import tables
from steersman.services.operations.store.looking import Known, chunks, look_up
from steersman.services.operations.store.values import plain

#: Who writes the loop's lines.
LOOP = "steersman"
#: Ended findings beyond the newest so many are forgotten; the journal keeps their lines.
FINDINGS_KEPT = 50_000
_MS_TO_NS = 1_000_000
#: States after which nothing more happens to a plan.
ENDED = frozenset(
    {
        PlanState.CURED,
        PlanState.UNCHANGED,
        PlanState.WORSE,
        PlanState.UNDONE,
        PlanState.FAILED,
        PlanState.REJECTED,
        PlanState.REFUSED,
        PlanState.NOTHING_TO_DO,
        PlanState.EXPIRED,
    }
)


@dataclass(frozen=True, slots=True)
class Chronicle:
    """Writes rounds down. It keeps nothing between two of them."""

    journal: Journal
    ids: Ids

    def record(
        self,
        transaction: Connection,
        tenant: Tenant,
        commands: Sequence[Command],
        now_ms: int,
        *,
        progress: Sequence[Progress] = (),
        changes: Sequence[Change] = (),
        alerts: Sequence[str] = (),
    ) -> int:
        """Store what a round came to and return how many journal entries that made.

        `progress` and `changes` are the round's own; `alerts` are the keys of the findings from alerts that the loop
        has now seen, which is their decision.
        """
        known = look_up(transaction, tenant, commands, progress)
        writing = _Writing(self.ids, tenant, now_ms, known)
        for one in progress:
            writing.progressed(one)
        for command in commands:
            writing.take(command)
        writing.store(transaction)
        new_changes(transaction, tenant, changes)
        _decide_alerts(transaction, tenant, alerts, known.of_finding, now_ms)
        self.journal.append(transaction, writing.entries)
        return len(writing.entries)


@dataclass(slots=True)
class _Writing:
    """The rows and entries of one round, in the making."""

    ids: Ids
    tenant: Tenant
    now_ms: int
    known: Known
    entries: list[JournalEntry] = field(default_factory=list)
    findings: dict[tuple[str, int], tuple[Finding, Id]] = field(default_factory=dict)
    incidents: dict[Id, Incident] = field(default_factory=dict)
    plans: dict[Id, Plan] = field(default_factory=dict)
    verdicts: dict[Id, Verdict] = field(default_factory=dict)
    lessons: dict[tuple[str, str], Lesson] = field(default_factory=dict)
    noticed: dict[str, Id] = field(default_factory=dict)
    judged: dict[str, tuple[Id, Id]] = field(default_factory=dict)

    def take(self, command: Command) -> None:
        match command:
            case Noticed(finding):
                self._noticed(finding)
            case IncidentChanged():
                self._incident(command)
            case Decided(plan):
                self._plan(plan)
            case Abstained():
                cause = self.known.incident_entries.get(command.incident)
                self._entry(lines.ABSTAINED, command.incident, lines.abstained_line(command), cause)
            case Judged():
                self._judged(command)
            case Learnt(lesson):
                self._lesson(lesson)
            case _:  # questions are answered, not remembered
                pass

    def progressed(self, progress: Progress) -> None:
        """Let the row follow; whoever made the plan go on has written the line."""
        plan = self.known.plans.get(progress.plan)
        if plan is None:
            return
        changed = replace(plan, state=PlanState(progress.state), outcome=progress.outcome or plan.outcome)
        if changed.state is PlanState.VERIFYING:
            changed = replace(changed, applied_ms=progress.time_ms)
        elif changed.state in ENDED:
            changed = replace(changed, ended_ms=progress.time_ms)
        self.known.plans[plan.id] = self.plans[plan.id] = changed

    def _noticed(self, finding: Finding) -> None:
        subject = self.known.of_finding.get(finding.key) or finding.entity.ref
        entry = self._entry(lines.FINDING, subject, lines.finding_line(finding), None)
        self.noticed[finding.key] = entry
        self.findings[finding.key, finding.started_ms] = (finding, entry)

    def _incident(self, command: IncidentChanged) -> None:
        incident = command.incident
        cause = next((self.noticed[key] for key in reversed(incident.findings) if key in self.noticed), None)
        cause = cause or self.known.incident_entries.get(incident.id)
        entry = self._entry(lines.INCIDENT, incident.id, lines.incident_line(command), cause)
        self.known.incident_entries[incident.id] = entry
        self.incidents[incident.id] = incident

    def _plan(self, plan: Plan) -> None:
        cause = self.known.incident_entries.get(plan.incident)
        entry = self._entry(lines.PLAN, plan.incident, lines.plan_line(plan), cause)
        self.known.plan_entries[plan.id] = entry
        self.known.plans[plan.id] = self.plans[plan.id] = plan

    def _judged(self, command: Judged) -> None:
        plan = command.plan
        cause = self.known.plan_entries.get(plan.id)
        entry = self._entry(lines.VERDICT, plan.incident, lines.verdict_line(command), cause)
        self.known.plan_entries[plan.id] = entry
        self.known.plans[plan.id] = self.plans[plan.id] = plan
        self.verdicts[plan.id] = command.verdict
        self.judged[plan.remedy.action] = (plan.incident, entry)

    def _lesson(self, lesson: Lesson) -> None:
        subject, cause = self.judged.get(lesson.action, (lesson.situation, None))
        self._entry(lines.LESSON, subject, lines.lesson_line(lesson), cause)
        self.lessons[lesson.action, lesson.situation] = lesson

    def _entry(self, kind: str, subject: str, payload: dict[str, Any], cause: Id | None) -> Id:
        entry = JournalEntry(
            id=self.ids.new(),
            time_ns=self.now_ms * _MS_TO_NS,
            tenant=self.tenant,
            actor=LOOP,
            type=kind,
            subject=subject,
            payload=payload,
            cause=cause,
        )
        self.entries.append(entry)
        return entry.id

    def store(self, transaction: Connection) -> None:
        """Write the rows as they are at the end of the round."""
        self._store_findings(transaction)
        self._store_incidents(transaction)
        rows = [self._plan_row(plan) for plan in self.plans.values()]
        tables.put(transaction, tables.plans, ["id"], rows, fill=["verdict"])
        rows = [{"tenant": self.tenant, **plain(lesson)} for lesson in self.lessons.values()]
        tables.put(transaction, tables.lessons, ["tenant", "action", "situation"], rows)

    def _store_findings(self, transaction: Connection) -> None:
        if not self.findings:
            return
        rows = [self._finding_row(finding, entry) for finding, entry in self.findings.values()]
        _end_earlier(transaction, self.tenant, rows)
        tables.put(
            transaction, tables.findings, ["tenant", "key", "started_ms"], rows, keep=["entry"], fill=["incident"]
        )
        newest = select(func.max(tables.findings.c.seq)).scalar_subquery()
        old = tables.findings.c.seq <= newest - FINDINGS_KEPT
        transaction.execute(delete(tables.findings).where(~tables.findings.c.active, old))

    def _finding_row(self, finding: Finding, entry: Id) -> dict[str, Any]:
        return {
            "tenant": self.tenant,
            "key": finding.key,
            "started_ms": finding.started_ms,
            "active": finding.active,
            "entity": finding.entity.ref,
            "aspect": str(finding.aspect),
            "severity": finding.severity,
            "incident": self.known.of_finding.get(finding.key),
            "entry": entry,
            "body": plain(finding),
        }

    def _store_incidents(self, transaction: Connection) -> None:
        rows = [self._incident_row(incident) for incident in self.incidents.values()]
        tables.put(transaction, tables.incidents, ["id"], rows)
        entities = [
            {"tenant": self.tenant, "entity": entity, "incident": incident.id}
            for incident in self.incidents.values()
            for entity in dict.fromkeys(incident.entities)
        ]
        tables.put(transaction, tables.incident_entities, ["tenant", "entity", "incident"], entities)
        told = {key for key, _ in self.findings}
        _link(transaction, self.tenant, [pair for pair in self.known.new_links if pair[1] not in told])

    def _incident_row(self, incident: Incident) -> dict[str, Any]:
        return {
            "id": incident.id,
            "tenant": self.tenant,
            "state": str(incident.state),
            "severity": incident.severity,
            "opened_ms": incident.opened_ms,
            "updated_ms": incident.updated_ms,
            "entry": self.known.incident_entries[incident.id],
            "body": plain(incident),
        }

    def _plan_row(self, plan: Plan) -> dict[str, Any]:
        verdict = self.verdicts.get(plan.id)
        return {
            "id": plan.id,
            "tenant": self.tenant,
            "incident": plan.incident,
            "state": str(plan.state),
            "action": plan.remedy.action,
            "decided_ms": plan.decided_ms,
            "entry": self.known.plan_entries[plan.id],
            "body": plain(plan),
            "verdict": None if verdict is None else plain(verdict),
        }


def _end_earlier(transaction: Connection, tenant: Tenant, rows: Sequence[dict[str, Any]]) -> None:
    """A finding that begins anew under its key ends the one before, should nobody have said so."""
    table = tables.findings
    statement = (
        update(table)
        .where(table.c.tenant == tenant, table.c.key == bindparam("a_key"))
        .where(table.c.active, table.c.started_ms != bindparam("a_start"))
        .values(active=False)
    )
    transaction.execute(statement, [{"a_key": row["key"], "a_start": row["started_ms"]} for row in rows])


def _link(transaction: Connection, tenant: Tenant, pairs: Sequence[tuple[str, str]]) -> None:
    """Note of findings that are there already which incident they belong to now."""
    if not pairs:
        return
    table = tables.findings
    statement = (
        update(table)
        .where(table.c.tenant == tenant, table.c.key == bindparam("a_key"), table.c.active)
        .values(incident=bindparam("an_incident"))
    )
    transaction.execute(statement, [{"a_key": key, "an_incident": incident} for incident, key in pairs])


def new_changes(transaction: Connection, tenant: Tenant, changes: Sequence[Change]) -> list[Change]:
    """Store the changes that are not known yet, and return these."""
    if not changes:
        return []
    table = tables.changes
    ids = [change.id for change in changes]
    query = select(table.c.id).where(table.c.tenant == tenant)
    known = {one for some in chunks(ids) for one in transaction.execute(query.where(table.c.id.in_(some))).scalars()}
    new = {change.id: change for change in changes if change.id not in known}
    rows = [
        {
            "tenant": tenant,
            "id": change.id,
            "time_ms": change.time_ms,
            "entity": change.entity.ref,
            "kind": str(change.kind),
            "body": plain(change),
        }
        for change in new.values()
    ]
    if rows:
        transaction.execute(insert(table), rows)
    return list(new.values())


def _decide_alerts(
    transaction: Connection, tenant: Tenant, keys: Sequence[str], of_finding: dict[str, Id], now_ms: int
) -> None:
    if not keys:
        return
    table = tables.alerts
    statement = (
        update(table)
        .where(table.c.tenant == tenant, table.c.key == bindparam("a_key"))
        .values(decided_ms=now_ms, incident=func.coalesce(bindparam("an_incident"), table.c.incident))
    )
    transaction.execute(statement, [{"a_key": key, "an_incident": of_finding.get(key)} for key in keys])
