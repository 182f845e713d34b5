"""What people said: words on incidents and versions of the policy, each with its line in the journal."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, insert, select

from steersman.contract.ports import Ids, Journal, JournalEntry
from steersman.model.ids import Id, Tenant
from steersman.model.plans import Policy
from steersman.model.rounds import Feedback
from steersman.services.operations.logic import lines
from steersman.services.operations.model.people import PolicyVersion
from steersman.services.operations.store import tables
from steersman.services.operations.store.values import plain, policy_of

#: The subject of the lines about policies.
POLICY = "operations.policy"
_HISTORY = 20
_MS_TO_NS = 1_000_000


@dataclass(frozen=True, slots=True)
class People:
    """Writes down what people say. It keeps nothing itself."""

    journal: Journal
    ids: Ids

    def feedback(self, transaction: Connection, tenant: Tenant, said: Feedback) -> None:
        """Store a word on an incident; its line joins the incident's timeline."""
        transaction.execute(insert(tables.feedback).values(tenant=tenant, **asdict(said)))
        last = select(tables.incidents.c.entry).where(tables.incidents.c.id == said.incident)
        cause = transaction.execute(last).scalar_one_or_none()
        payload = {"kind": said.kind, "text": said.text}
        self._append(transaction, tenant, said.actor, lines.FEEDBACK, said.incident, payload, said.time_ms, cause)

    def policy(self, transaction: Connection, tenant: Tenant, policy: Policy, actor: str, why: str, now_ms: int) -> int:
        """Store a new version of the policy and return its number."""
        body = plain(policy)
        row = {"tenant": tenant, "time_ms": now_ms, "actor": actor, "why": why, "body": body}
        done = transaction.execute(insert(tables.policies).values(row).returning(tables.policies.c.version))
        version: int = done.scalar_one()
        payload = {"version": version, "why": why, "policy": body}
        self._append(transaction, tenant, actor, lines.POLICY, POLICY, payload, now_ms, None)
        return version

    def _append(
        self,
        transaction: Connection,
        tenant: Tenant,
        actor: str,
        kind: str,
        subject: str,
        payload: dict[str, Any],
        now_ms: int,
        cause: Id | None,
    ) -> None:
        entry = JournalEntry(
            id=self.ids.new(),
            time_ns=now_ms * _MS_TO_NS,
            tenant=tenant,
            actor=actor,
            type=kind,
            subject=subject,
            payload=payload,
            cause=cause,
        )
        self.journal.append(transaction, [entry])


def said_since(connection: Connection, tenant: Tenant, since_ms: int) -> list[Feedback]:
    """Return the words on incidents that were said after a moment, in their order."""
    table = tables.feedback
    query = select(table).where(table.c.tenant == tenant, table.c.time_ms > since_ms).order_by(table.c.seq)
    return [
        Feedback(incident=Id(row.incident), kind=row.kind, time_ms=row.time_ms, actor=row.actor, text=row.text)
        for row in connection.execute(query)
    ]


def stored_policy(connection: Connection, tenant: Tenant) -> Policy | None:
    """Return the newest version that was stored while running, or None where the settings hold."""
    table = tables.policies
    query = select(table.c.body).where(table.c.tenant == tenant).order_by(table.c.version.desc()).limit(1)
    body = connection.execute(query).scalar_one_or_none()
    return None if body is None else policy_of(body)


def policy_history(connection: Connection, tenant: Tenant) -> list[PolicyVersion]:
    """Return who changed the policy lately, newest first."""
    table = tables.policies
    query = select(table.c.version, table.c.time_ms, table.c.actor, table.c.why).where(table.c.tenant == tenant)
    rows = connection.execute(query.order_by(table.c.version.desc()).limit(_HISTORY))
    return [PolicyVersion(version=row.version, time_ms=row.time_ms, actor=row.actor, why=row.why) for row in rows]
