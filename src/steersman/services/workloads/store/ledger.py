"""What must be known after a kill: who was started, what is wanted. One file, replaced and synced at each change.

Nothing in it is trusted alone: an identity counts only while such a process lives, and a start that was cut short
before its record is found by its mark.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from steersman.contract.ports import Ids
from steersman.services.workloads.model.replicas import Identity, Replica
from steersman.services.workloads.store.disk import read_json, write_json

#: Keys of actions whose results are remembered; an hour's worth of every action.
_REMEMBERED = 512


@dataclass(slots=True)
class Ledger:
    """The file, and what it holds. `counts` are the numbers of replicas where they were scaled."""

    path: Path
    house: str
    counts: dict[str, int] = field(default_factory=dict)
    done: dict[str, Any] = field(default_factory=dict)
    records: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def open(cls, folder: Path, ids: Ids) -> Ledger:
        """Read the ledger of a folder, or begin one with an id of its own."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / "ledger.json"
        held = read_json(path)
        ledger = cls(
            path,
            house=held.get("house") or str(ids.new()),
            counts=held.get("counts", {}),
            done=held.get("done", {}),
            records=held.get("replicas", {}),
        )
        if not held:
            ledger.save()
        return ledger

    def replicas(self) -> dict[str, Replica]:
        """Return what was recorded of each replica, by its name."""
        return {name: _replica(name, record) for name, record in self.records.items()}

    def remember(self, replicas: Iterable[Replica]) -> None:
        """Record the replicas, and have it on disk when this returns."""
        self.records = {replica.name: _record(replica) for replica in replicas}
        self.save()

    def note(self, key: str, result: Mapping[str, Any]) -> None:
        """Record what was done under a key; the oldest are forgotten."""
        while len(self.done) >= _REMEMBERED:
            self.done.pop(next(iter(self.done)))
        self.done[key] = dict(result)
        self.save()

    def save(self) -> None:
        held = {"house": self.house, "counts": self.counts, "done": self.done, "replicas": self.records}
        write_json(self.path, held)


def _record(replica: Replica) -> dict[str, Any]:
    return {
        "wanted": replica.wanted,
        "launching": replica.launching,
        "identity": asdict(replica.identity) if replica.identity else None,
        "started_ms": replica.started_ms,
        "release": replica.release,
        "exits_ms": list(replica.exits_ms),
        "exits": replica.exits,
        "starts": replica.starts,
    }


def _replica(name: str, record: Mapping[str, Any]) -> Replica:
    service, _, number = name.rpartition("/")
    identity = record["identity"]
    return Replica(
        service=service,
        number=int(number),
        wanted=record["wanted"],
        launching=record["launching"],
        identity=Identity(**identity) if identity else None,
        started_ms=record["started_ms"],
        release=record["release"],
        exits_ms=tuple(record["exits_ms"]),
        exits=record["exits"],
        starts=record["starts"],
    )
