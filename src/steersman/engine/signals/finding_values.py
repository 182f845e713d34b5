"""Findings as JSON values and back: for snapshots, which hold no pickles."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from steersman.model.entities import CauseKind, Entity, EntityKind
from steersman.model.findings import Aspect, Direction, Finding, FindingSource


def finding_values(finding: Finding) -> dict[str, Any]:
    """Return a finding as JSON values."""
    return {**asdict(finding), "suggests": sorted(finding.suggests)}


def _entity(values: dict[str, Any]) -> Entity:
    labels = tuple((name, value) for name, value in values["labels"])
    return Entity(EntityKind(values["kind"]), values["id"], labels)


def finding_of(values: dict[str, Any]) -> Finding:
    """Invert `finding_values`."""
    return Finding(
        **{
            **values,
            "entity": _entity(values["entity"]),
            "peer": _entity(values["peer"]) if values["peer"] else None,
            "aspect": Aspect(values["aspect"]),
            "direction": Direction(values["direction"]),
            "source": FindingSource(values["source"]),
            "suggests": frozenset(CauseKind(one) for one in values["suggests"]),
        }
    )
