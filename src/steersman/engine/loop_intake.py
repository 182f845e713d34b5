"""Takes in what a round brings, before anything is concluded from it: topology, changes, findings."""

from __future__ import annotations

from steersman.engine.loop_draft import Draft
from steersman.model.entities import EntityKind
from steersman.model.findings import Finding
from steersman.model.ids import Id
from steersman.model.rounds import Noticed
from steersman.model.topology import Edge

_MINUTE_MS = 60_000
#: A seen edge is forgotten after a day: what calls once a night is still known the next.
_EDGE_AGE_MS = 24 * 60 * _MINUTE_MS
_CHANGE_AGE_MS = 6 * 60 * _MINUTE_MS
_MOST_CHANGES = 1000
_REPEAT_AGE_MS = 10 * _MINUTE_MS
_CLOSED_AGE_MS = 24 * 60 * _MINUTE_MS
_MOST_CLOSED = 500
_RANK = {"info": 0, "warning": 1, "critical": 2}
#: A score that grew by this factor is worth a new line.
_GREW = 1.5


def take_in(draft: Draft, noticed: tuple[Finding, ...]) -> list[Finding]:
    """Fold the round into the draft; return the findings that began, grew or ended, in the order of their coming."""
    _surroundings(draft)
    fresh = [finding for finding in (*noticed, *draft.round.findings) if _fold(draft, finding)]
    if draft.now_ms - draft.swept_ms >= _MINUTE_MS:
        _sweep(draft)
    return fresh


def _surroundings(draft: Draft) -> None:
    current = draft.round
    fresh = [entity for entity in current.entities if _is_news(draft, entity.ref, entity.labels)]
    if fresh:
        draft.topology = draft.topology.with_entities(fresh)
        draft.watched |= {entity.ref for entity in fresh}
    edges = [edge for edge in current.edges if _is_new_edge(draft, edge)]
    if edges:
        draft.topology = draft.topology.with_edges(edges)
    if current.changes:
        known = {change.id for change in draft.changes}
        added = [change for change in current.changes if change.id not in known]
        draft.changes = tuple(sorted((*draft.changes, *added), key=lambda one: (one.time_ms, one.id)))[-_MOST_CHANGES:]
        for case in draft.cases.values():
            draft.stale.setdefault(case.incident.id)


def _is_news(draft: Draft, ref: str, labels: tuple[tuple[str, str], ...]) -> bool:
    known = draft.topology.entities.get(ref)
    return known is None or ref not in draft.watched or not set(labels) <= set(known.labels)


def _is_new_edge(draft: Draft, edge: Edge) -> bool:
    """Whether an edge tells anything: one that is seen again within a minute does not."""
    known = draft.topology.edges.get((edge.kind, edge.source.ref, edge.target.ref))
    if known is None or (edge.declared and not known.declared):
        return True
    return edge.seen_ms >= known.seen_ms + _MINUTE_MS


def _fold(draft: Draft, finding: Finding) -> bool:
    """Take in one finding; return whether it is news."""
    known = draft.findings.get(finding.key)
    if known is None and not finding.active:
        return False
    draft.findings[finding.key] = finding
    began = known is None or (finding.active and not known.active)
    if began and finding.severity != "info":
        lately = (time for time in draft.begun.get(finding.key, ()) if time > draft.now_ms - _REPEAT_AGE_MS)
        draft.begun[finding.key] = (*lately, finding.started_ms)
    if known is not None and not began and not _differs(finding, known):
        return False
    draft.emit(Noticed(finding))
    owner = draft.owners.get(finding.key)
    if owner in draft.cases:
        draft.stale.setdefault(owner)
    return True


def _differs(finding: Finding, known: Finding) -> bool:
    return (
        finding.active != known.active
        or _RANK[finding.severity] != _RANK[known.severity]
        or finding.direction is not known.direction
        or finding.suggests != known.suggests
        or finding.score > known.score * _GREW
    )


def _sweep(draft: Draft) -> None:
    """Forget what is too old to matter; once a minute, because it walks over everything."""
    now = draft.now_ms
    draft.swept_ms = now
    draft.topology = draft.topology.without_older(now - _EDGE_AGE_MS)
    draft.changes = tuple(change for change in draft.changes if change.time_ms > now - _CHANGE_AGE_MS)
    draft.begun = {key: times for key, times in draft.begun.items() if times[-1] > now - _REPEAT_AGE_MS}
    draft.acts = tuple(act for act in draft.acts if act.time_ms > now - 60 * _MINUTE_MS)
    kept = list(draft.closed.items())[-_MOST_CLOSED:]
    draft.closed = {id_: case for id_, case in kept if (case.incident.resolved_ms or now) > now - _CLOSED_AGE_MS}
    draft.owners = {key: id_ for key, id_ in draft.owners.items() if id_ in draft.cases or _lately_closed(draft, id_)}
    draft.findings = {key: finding for key, finding in draft.findings.items() if finding.active or key in draft.owners}


def _lately_closed(draft: Draft, id_: Id) -> bool:
    case = draft.closed.get(id_)
    if case is None:
        return False
    return (case.incident.resolved_ms or draft.now_ms) > draft.now_ms - draft.limit_ms("reopen_seconds")


def sources(draft: Draft) -> int:
    """Return how many things have telemetry of their own."""
    parts = f"{EntityKind.PROCESS}:"
    return sum(not ref.startswith(parts) for ref in draft.watched)


def is_held_up(draft: Draft) -> str:
    """Return why the loop cannot trust its eyes because it is late itself, or nothing.

    On a starved machine nothing answers in time, and restarting all of it would be the outage.
    """
    if draft.gap_ms > draft.limit_ms("late_seconds"):
        draft.late_ms = draft.now_ms
    if not draft.late_ms or draft.now_ms - draft.late_ms >= draft.limit_ms("late_rest_seconds"):
        return ""
    return "the loop is blind: its own rounds come late, so what others do not answer may be its own fault"
