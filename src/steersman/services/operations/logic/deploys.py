"""CloudEvents as changes: what a pipeline, a repository or a configuration service says it has just altered.

The attributes are those of CloudEvents 1.0. The kind of change is read from the words of `type`, so that events of
CDEvents and of home-made pipelines are understood; what names no kind or no entity is refused with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from steersman.model.changes import Change, ChangeKind
from steersman.model.entities import Entity, EntityKind
from steersman.model.errors import InvalidInput
from steersman.model.ids import Tenant

_KINDS = (
    (r"deploy|release|rollout|rollback|rolledback|upgrade|publish", ChangeKind.DEPLOY),
    (r"config|setting|flag|secret", ChangeKind.CONFIG),
    (r"scale|scaling|replica|resize", ChangeKind.SCALE),
    (r"knob|tuning", ChangeKind.KNOB),
    (r"schedule|cron|job", ChangeKind.SCHEDULE),
    (r"action|maintenance|restart", ChangeKind.ACTION),
)
_WORDS = tuple((re.compile(words), kind) for words, kind in _KINDS)
#: Details beyond these help nobody who reads an incident.
_DETAILS, _LONGEST = 32, 500
_REQUIRED = ("specversion", "id", "source", "type")


def change_of(event: Mapping[str, Any], tenant: Tenant, actor: str, now_ms: int) -> Change:
    """Return the change that an event tells of; raises `InvalidInput` that names the attribute."""
    for name in _REQUIRED:
        value = event.get(name)
        if not isinstance(value, str) or not value or len(value) > _LONGEST or "\0" in value:
            raise InvalidInput(f"{name}: a CloudEvent needs it, as text of at most {_LONGEST} characters")
    if event["specversion"] != "1.0":
        raise InvalidInput(f"specversion: 1.0 is read here, not {event['specversion']!r}")
    data = event.get("data")
    said: Mapping[str, Any] = data if isinstance(data, Mapping) else {}
    kind, entity = _kind(event["type"]), _entity(event, said)
    words = said.get("summary") or said.get("message")
    return Change(
        id=f"{event['source']}#{event['id']}",
        time_ms=_time(event.get("time"), now_ms),
        entity=entity,
        kind=kind,
        summary=_text(words) if words else f"{event['type']} of {entity.id}",
        actor=_text(said.get("actor") or actor),
        details=_details(said),
        tenant=tenant,
    )


def _text(value: object) -> str:
    text = value if isinstance(value, str) else str(value)
    return text.replace("\0", "")[:_LONGEST]


def _kind(words: str) -> ChangeKind:
    lower = words.lower()
    found = next((kind for known, kind in _WORDS if known.search(lower)), None)
    if found is None:
        raise InvalidInput("type: it names no kind of change, such as deploy, config, scale, schedule or action")
    return found


def _entity(event: Mapping[str, Any], said: Mapping[str, Any]) -> Entity:
    """Read `kind:id`, or the name of a service, from the subject or from the data."""
    wanted = event.get("subject") or said.get("entity") or said.get("service")
    if not isinstance(wanted, str) or not wanted.strip() or len(wanted) > _LONGEST or "\0" in wanted:
        raise InvalidInput("subject: say what was changed, as kind:id or as the name of a service")
    kind, colon, name = wanted.strip().partition(":")
    if colon and name and kind in set(EntityKind):
        return Entity(EntityKind(kind), name)
    return Entity(EntityKind.SERVICE, wanted.strip())


def _time(value: object, now_ms: int) -> int:
    if value is None:
        return now_ms
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise InvalidInput("time: write it as RFC 3339 has it") from error
    if moment.tzinfo is None:
        raise InvalidInput("time: it needs a zone, such as Z")
    return min(max(round(moment.timestamp() * 1000), 0), now_ms)


def _details(said: Mapping[str, Any]) -> dict[str, str]:
    """Keep what is flat; a change explains itself in a few words or not at all."""
    flat = [(_text(key), _text(value)) for key, value in said.items() if isinstance(value, (str, int, float, bool))]
    return dict(flat[:_DETAILS])
