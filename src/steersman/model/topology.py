"""Who needs whom: edges that are seen in spans and sockets or declared, each with the time it was last seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from steersman.model.entities import Entity


class EdgeKind(StrEnum):
    """What one entity is to another. Trouble travels from `target` to `source` along all of them."""

    CALLS = "calls"
    DEPENDS_ON = "depends_on"
    RUNS_ON = "runs_on"
    OWNS = "owns"


@dataclass(frozen=True, slots=True)
class Edge:
    """`source` needs `target`. A declared edge does not age."""

    kind: EdgeKind
    source: Entity
    target: Entity
    seen_ms: int
    declared: bool = False


@dataclass(frozen=True, slots=True)
class Topology:
    """Entities by reference (`kind:id`) and the edges between them."""

    entities: Mapping[str, Entity] = field(default_factory=dict)
    edges: Mapping[tuple[EdgeKind, str, str], Edge] = field(default_factory=dict)

    def known(self, entity: Entity) -> Entity:
        """Return the entity with the labels that are known of it."""
        return self.entities.get(entity.ref, entity)

    def with_entities(self, entities: Iterable[Entity]) -> Topology:
        """Return this with entities added; labels that are new replace those that were known."""
        found = dict(self.entities)
        for entity in entities:
            known = found.get(entity.ref)
            if known is None or entity.labels:
                merged = {**dict(known.labels if known else ()), **dict(entity.labels)}
                found[entity.ref] = replace(entity, labels=tuple(sorted(merged.items())))
        return replace(self, entities=found)

    def with_edges(self, edges: Iterable[Edge]) -> Topology:
        """Return this with edges added or seen again, and with the entities at their ends."""
        found, ends = dict(self.edges), []
        for edge in edges:
            key = (edge.kind, edge.source.ref, edge.target.ref)
            known = found.get(key)
            declared = edge.declared or (known is not None and known.declared)
            seen = max(edge.seen_ms, known.seen_ms if known else 0)
            found[key] = replace(edge, declared=declared, seen_ms=seen)
            ends += [edge.source, edge.target]
        return replace(self.with_entities(ends), edges=found)

    def without_older(self, before_ms: int) -> Topology:
        """Forget edges that were only seen, and not lately."""
        kept = {key: edge for key, edge in self.edges.items() if edge.declared or edge.seen_ms >= before_ms}
        return self if len(kept) == len(self.edges) else replace(self, edges=kept)

    def dependencies(self, ref: str) -> Iterator[Edge]:
        """Yield the edges to what an entity needs."""
        return (edge for (_, source, _), edge in self.edges.items() if source == ref)

    def dependents(self, ref: str) -> Iterator[Edge]:
        """Yield the edges from those who need an entity."""
        return (edge for (_, _, target), edge in self.edges.items() if target == ref)
