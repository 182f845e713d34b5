"""What a round has to know of earlier ones before it is written: the last entries, and which finding belongs where."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, select

from steersman.model.ids import Id, Tenant
from steersman.model.plans import Plan
from steersman.model.rounds import Abstained, Command, Decided, IncidentChanged, Judged, Noticed, Progress
from steersman.services.operations.store import tables
from steersman.services.operations.store.values import plan_of

#: Fewer than SQLite's oldest bound on the parameters of one statement.
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Known:
    """The last entry of each incident and plan, the incident of each finding, and the plans that are written about.

    `new_links` are findings, as (incident, key), that an incident has taken in just now.
    """

    incident_entries: dict[Id, Id] = field(default_factory=dict)
    plan_entries: dict[Id, Id] = field(default_factory=dict)
    plans: dict[Id, Plan] = field(default_factory=dict)
    of_finding: dict[str, Id] = field(default_factory=dict)
    new_links: list[tuple[Id, str]] = field(default_factory=list)


def chunks(values: Iterable[str]) -> Iterator[list[str]]:
    """Cut what goes into one IN (...) to a size that every database takes."""
    everything = list(values)
    return (everything[start : start + _AT_ONCE] for start in range(0, len(everything), _AT_ONCE))


def look_up(connection: Connection, tenant: Tenant, commands: Sequence[Command], progress: Sequence[Progress]) -> Known:
    """Read what these commands refer to."""
    known = Known()
    _entries(connection, commands, known)
    _plans(connection, tenant, commands, progress, known)
    _links(connection, tenant, commands, known)
    return known


def _entries(connection: Connection, commands: Sequence[Command], known: Known) -> None:
    ids: dict[str, None] = {}
    for command in commands:
        match command:
            case IncidentChanged(incident):
                ids[incident.id] = None
            case Decided(plan) | Judged(plan=plan):
                ids[plan.incident] = None
            case Abstained():
                ids[command.incident] = None
            case _:
                pass
    table = tables.incidents
    for some in chunks(ids):
        rows = connection.execute(select(table.c.id, table.c.entry).where(table.c.id.in_(some)))
        known.incident_entries.update({Id(row.id): Id(row.entry) for row in rows})


def _plans(
    connection: Connection, tenant: Tenant, commands: Sequence[Command], progress: Sequence[Progress], known: Known
) -> None:
    ids = {command.plan.id: None for command in commands if isinstance(command, (Decided, Judged))}
    ids |= {one.plan: None for one in progress}
    table = tables.plans
    for some in chunks(ids):
        query = select(table.c.id, table.c.entry, table.c.body).where(table.c.tenant == tenant, table.c.id.in_(some))
        for row in connection.execute(query):
            known.plan_entries[Id(row.id)] = Id(row.entry)
            known.plans[Id(row.id)] = plan_of(row.body)


def _links(connection: Connection, tenant: Tenant, commands: Sequence[Command], known: Known) -> None:
    changed = {command.incident.id: command.incident for command in commands if isinstance(command, IncidentChanged)}
    table = tables.findings
    linked: set[tuple[str, str]] = set()
    for some in chunks(changed):
        rows = connection.execute(select(table.c.incident, table.c.key).where(table.c.incident.in_(some)))
        linked.update((row.incident, row.key) for row in rows)
    for incident in changed.values():
        known.of_finding.update(dict.fromkeys(incident.findings, incident.id))
        known.new_links.extend((incident.id, key) for key in incident.findings if (incident.id, key) not in linked)
    noticed = {command.finding.key: None for command in commands if isinstance(command, Noticed)}
    for some in chunks(key for key in noticed if key not in known.of_finding):
        query = select(table.c.key, table.c.incident).where(table.c.tenant == tenant, table.c.key.in_(some))
        found = connection.execute(query.where(table.c.active, table.c.incident.is_not(None)))
        known.of_finding.update({row.key: Id(row.incident) for row in found})
