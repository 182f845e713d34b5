"""Who reaches whom, from the edges that are known: the walks that correlation, diagnosis and verdicts share.

A walk goes one way only. Two services that need the same third are not related by that; they are when the third is in
trouble, because then it is itself part of the incident.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from steersman.model.entities import Entity, EntityKind
from steersman.model.findings import Finding
from steersman.model.topology import EdgeKind, Topology

#: Trouble is seldom visible further away, and in a dense graph everything reaches everything.
_HOPS = 4


class Wiring:
    """Neighbours of every entity, built once for a round, with the walks that were asked for."""

    def __init__(self, topology: Topology, findings: Iterable[Finding] = ()) -> None:
        self._topology = topology
        self._needs: dict[str, dict[str, EdgeKind]] = {}
        self._needed_by: dict[str, dict[str, EdgeKind]] = {}
        self._owners = {
            target: source for kind, source, target in topology.edges if kind is EdgeKind.OWNS and source != target
        }
        self._entities: dict[str, Entity] = {}
        self._walks: dict[tuple[bool, str], dict[str, int]] = {}
        for kind, source, target in topology.edges:
            self._connect(kind, source, target)
        for finding in findings:
            self.learn(finding)

    def learn(self, finding: Finding) -> None:
        """Take in the entities of a finding; one about a call shows an edge that the topology may not have."""
        self._entities.setdefault(finding.entity.ref, finding.entity)
        if finding.peer is not None:
            self._entities.setdefault(finding.peer.ref, finding.peer)
            if finding.peer.ref not in self._needs.get(self.fold(finding.entity.ref), {}):
                self._connect(EdgeKind.CALLS, finding.entity.ref, finding.peer.ref)
                self._walks.clear()

    def fold(self, ref: str) -> str:
        """Return the service that owns a process, and anything else as it is."""
        return self._owners.get(ref, ref)

    def entity(self, ref: str) -> Entity:
        """Return the entity with the labels that are known of it."""
        known = self._topology.entities.get(ref) or self._entities.get(ref)
        if known is not None:
            return known
        kind, _, name = ref.partition(":")
        return Entity(EntityKind(kind), name)

    def label(self, entity: Entity, name: str) -> str:
        """Return a label of an entity, or of the service that owns it."""
        known = self._topology.known(entity)
        return known.label(name) or self.entity(self.fold(entity.ref)).label(name)

    def needs(self, ref: str) -> Mapping[str, EdgeKind]:
        """Return what an entity needs directly."""
        return self._needs.get(ref, {})

    def needed_by(self, ref: str) -> Mapping[str, EdgeKind]:
        """Return who needs an entity directly."""
        return self._needed_by.get(ref, {})

    def below(self, ref: str) -> Mapping[str, int]:
        """Return everything that an entity needs, directly or not, with its distance."""
        return self._walk(ref, self._needs, down=True)

    def above(self, ref: str) -> Mapping[str, int]:
        """Return everyone who needs an entity, directly or not, with the distance."""
        return self._walk(ref, self._needed_by, down=False)

    def _connect(self, kind: EdgeKind, source: str, target: str) -> None:
        source, target = self.fold(source), self.fold(target)
        if source != target:
            self._needs.setdefault(source, {}).setdefault(target, kind)
            self._needed_by.setdefault(target, {}).setdefault(source, kind)

    def _walk(self, ref: str, steps: Mapping[str, Mapping[str, EdgeKind]], *, down: bool) -> Mapping[str, int]:
        found = self._walks.get((down, ref))
        if found is not None:
            return found
        found, edge = {}, [ref]
        for distance in range(1, _HOPS + 1):
            edge = [near for far in edge for near in steps.get(far, ()) if near != ref and near not in found]
            found.update(dict.fromkeys(edge, distance))
        self._walks[down, ref] = found
        return found
