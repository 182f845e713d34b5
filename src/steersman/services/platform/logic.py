"""Turns a declared contract into plain data, and judges a stretch of the journal. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, SecretStr, TypeAdapter

from steersman.contract.ports import JournalEntry
from steersman.contract.service import Action, Knob, Service, Signal

#: Journal entries that are outcomes: each names the entry that led to it.
_OUTCOMES = frozenset({"action.applied", "action.failed", "action.undone"})


def describe(service: Service) -> dict[str, Any]:
    """Return everything a service declares, as JSON-able data."""
    return {
        "name": service.name,
        "help": service.help,
        "prefixes": list(service.prefixes),
        "permissions": dict(service.permissions),
        "signals": [_signal(signal) for signal in service.signals],
        "actions": [_action(service, action) for action in service.actions],
        "knobs": [_knob(service, knob) for knob in service.knobs],
        "invariants": [{"name": i.name, "help": i.help, "severity": i.severity} for i in service.invariants],
        "events": [{"name": e.name, "version": e.version, "help": e.help} for e in service.events],
        "routes": [
            *(
                {"method": r.method, "path": r.path, "permission": r.permission, "summary": r.summary}
                for r in service.routes
            ),
            *(
                {"method": method, "path": r.path, "permission": r.permission, "summary": r.summary}
                for r in service.raw_routes
                for method in sorted(r.methods)
            ),
        ],
        "pages": [{"path": p.path, "title": p.title, "permission": p.permission} for p in service.pages],
        "commands": [{"name": c.name, "help": c.help} for c in service.commands],
        "jobs": [job.name for job in service.jobs],
    }


def _signal(signal: Signal) -> dict[str, Any]:
    return {
        "name": signal.name,
        "kind": signal.kind,
        "help": signal.help,
        "unit": signal.unit,
        "labels": list(signal.labels),
        "entity": signal.entity,
        "healthy": list(signal.healthy) if signal.healthy else None,
    }


def _action(service: Service, action: Action) -> dict[str, Any]:
    return {
        "name": action.name,
        "help": action.help,
        "path": f"/api/{service.name}/actions/{action.name}",
        "permission": action.permission,
        "risk": action.risk.name.lower(),
        "target_kind": action.target_kind,
        "helps": sorted(action.helps),
        "expects": [{"signal": e.signal, "within_seconds": e.within_seconds} for e in action.expects],
        "args": TypeAdapter(action.args).json_schema(),
        "undoable": action.undo is not None,
        "timeout_seconds": action.timeout_seconds,
        "per_hour": action.per_hour,
    }


def _knob(service: Service, knob: Knob) -> dict[str, Any]:
    return {
        "name": knob.name,
        "help": knob.help,
        "path": f"/api/{service.name}/knobs/{knob.name}",
        "permission": knob.permission,
        "low": knob.low,
        "high": knob.high,
        "step": knob.step,
        "default": knob.default,
        "guard": knob.guard,
    }


def without_secrets(section: BaseModel) -> dict[str, Any]:
    """Return a section's values, leaving out what is secret by type or hidden from its own repr."""
    hidden = {
        name
        for name, declared in type(section).model_fields.items()
        if not declared.repr or isinstance(getattr(section, name), SecretStr) or "token" in name
    }
    return section.model_dump(mode="json", exclude=hidden)


def disorder(entries: Sequence[JournalEntry]) -> str | None:
    """Say what is wrong with a stretch of the journal: numbers that do not grow, or an outcome without its intent."""
    last = 0
    for entry in entries:
        if entry.seq <= last:
            return f"entry {entry.id} has the number {entry.seq} after {last}"
        if entry.type in _OUTCOMES and entry.cause is None:
            return f"entry {entry.seq} is {entry.type} and names no intent"
        last = entry.seq
    return None
