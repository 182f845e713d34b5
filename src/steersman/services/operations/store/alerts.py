"""Alerts that were acknowledged to their senders, until the loop has decided about each, and what they say now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select, update

from steersman.model.ids import Tenant
from steersman.services.operations.logic.alerts import Alert, differs, merged
from steersman.services.operations.store import tables
from steersman.services.operations.store.looking import chunks
from steersman.services.operations.store.values import alert_of, plain

#: A day after its end an alert is forgotten; the findings and the journal remember it.
KEPT_MS = 86_400_000


def take_alerts(transaction: Connection, tenant: Tenant, alerts: Sequence[Alert], now_ms: int) -> tuple[Alert, ...]:
    """Store alerts and return them as they stand now; what is new in them waits for a decision."""
    latest = {alert.key: alert for alert in alerts}
    known = _known(transaction, tenant, latest)
    stand = {key: merged(known.get(key, (None, None))[0], alert, now_ms) for key, alert in latest.items()}
    rows = []
    for key, alert in stand.items():
        before, decided_ms = known.get(key, (None, None))
        undecided = differs(before, alert, now_ms)
        rows.append(
            {
                "tenant": tenant,
                "key": key,
                "received_ms": now_ms,
                "ends_ms": alert.ends_ms,
                "decided_ms": None if undecided else decided_ms,
                "incident": None,
                "body": plain(alert),
            }
        )
    tables.put(transaction, tables.alerts, ["tenant", "key"], rows, fill=["incident"])
    return tuple(stand.values())


def _known(
    connection: Connection, tenant: Tenant, keys: Mapping[str, Alert]
) -> dict[str, tuple[Alert | None, int | None]]:
    table = tables.alerts
    found: dict[str, tuple[Alert | None, int | None]] = {}
    for some in chunks(keys):
        query = select(table.c.key, table.c.body, table.c.decided_ms)
        for row in connection.execute(query.where(table.c.tenant == tenant, table.c.key.in_(some))):
            found[row.key] = (alert_of(row.body), row.decided_ms)
    return found


def undecided_alerts(connection: Connection) -> list[tuple[Tenant, Alert]]:
    """Return what was acknowledged and not decided upon, oldest first: a start goes on with it."""
    table = tables.alerts
    query = select(table.c.tenant, table.c.body).where(table.c.decided_ms.is_(None))
    rows = connection.execute(query.order_by(table.c.received_ms, table.c.key))
    return [(Tenant(row.tenant), alert_of(row.body)) for row in rows]


def end_silent(transaction: Connection, now_ms: int) -> list[tuple[Tenant, Alert]]:
    """Return the alerts whose end has come without another word, each once, and forget those of yesterday."""
    table = tables.alerts
    ended = (table.c.ends_ms <= now_ms) & (table.c.received_ms < table.c.ends_ms)
    rows = transaction.execute(select(table.c.tenant, table.c.key, table.c.body).where(ended)).all()
    for row in rows:
        mine = (table.c.tenant == row.tenant) & (table.c.key == row.key)
        transaction.execute(update(table).where(mine).values(received_ms=now_ms, decided_ms=None))
    transaction.execute(table.delete().where(table.c.ends_ms < now_ms - KEPT_MS, table.c.decided_ms.is_not(None)))
    return [(Tenant(row.tenant), alert_of(row.body)) for row in rows]


def alerts_now(connection: Connection, tenant: Tenant, now_ms: int) -> list[tuple[Alert, bool]]:
    """Return the alerts that go on, newest first, and whether the loop has decided about each."""
    table = tables.alerts
    query: Any = select(table.c.body, table.c.decided_ms).where(table.c.tenant == tenant)
    query = query.where(table.c.ends_ms.is_(None) | (table.c.ends_ms > now_ms)).order_by(table.c.received_ms.desc())
    return [(alert_of(row.body), row.decided_ms is not None) for row in connection.execute(query.limit(10_000))]
