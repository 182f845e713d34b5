"""Groups of processes with a bounded number of series and counters that never fall.

A counter of a group is the sum of what its members added since they were first seen, so it stays when a member
ends. Only the largest groups get a name of their own; what the others add goes to the group `other`. A process
that changes sides takes its past with it nowhere: its next growth counts for its new group.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from steersman.services.telemetry.logic.host.readings import Reading

OTHER = "other"

#: A named group keeps its place until another is this much larger, or two of like size would swap all the time.
_ADVANTAGE = 1.5

#: Totals of groups that have no member now are kept for their return, this many for each place.
_KEPT_PER_PLACE = 4


@dataclass(frozen=True, slots=True)
class Member:
    """One process at one pass. `id` is its pid and start; `open_fds` and the bytes are None when unreadable."""

    id: tuple[int, float]
    group: str
    cpu_seconds: float
    resident_bytes: float
    threads: int
    started: float
    open_fds: int | None
    read_bytes: float | None
    written_bytes: float | None


@dataclass(slots=True)
class _Total:
    """What the members of one group have used, and how much of it there is to tell."""

    cpu_seconds: float = 0.0
    read_bytes: float = 0.0
    written_bytes: float = 0.0


class Groups:
    """The memory between two passes. `family` is the middle of the metric names, `label` their label."""

    def __init__(self, family: str, label: str, places: int) -> None:
        self._prefix = f"steersman_{family}_"
        self._label = label
        self._places = places
        self._members: dict[tuple[int, float], Member] = {}
        self._named: set[str] = set()
        self._totals: dict[str, _Total] = {}

    def fold(self, members: Iterable[Member]) -> list[Reading]:
        """Take one pass over all processes and return the readings of the groups."""
        current = {member.id: member for member in members}
        grown = {m.id: max(0.0, m.cpu_seconds - self._before(m).cpu_seconds) for m in current.values()}
        self._named = self._largest(current, grown)
        groups: dict[str, list[Member]] = {}
        for member in current.values():
            groups.setdefault(member.group if member.group in self._named else OTHER, []).append(member)
        for name, of_group in groups.items():
            self._add(name, of_group)
        self._members = current
        self._forget(groups)
        return [reading for name in groups for reading in self._readings(name, groups[name])]

    def _before(self, member: Member) -> Member:
        return self._members.get(member.id) or _newborn(member)

    def _largest(self, current: dict[tuple[int, float], Member], grown: dict[tuple[int, float], float]) -> set[str]:
        """Rank by share of the processor time of this pass plus share of memory."""
        all_cpu = sum(grown.values()) or 1.0
        all_memory = sum(m.resident_bytes for m in current.values()) or 1.0
        weight: dict[str, float] = {}
        for member in current.values():
            share = grown[member.id] / all_cpu + member.resident_bytes / all_memory
            weight[member.group] = weight.get(member.group, 0.0) + share
        if len(weight) <= self._places:
            return set(weight)
        ranked = sorted(weight, key=lambda g: (-weight[g] * (_ADVANTAGE if g in self._named else 1.0), g))
        return set(ranked[: self._places])

    def _add(self, name: str, members: list[Member]) -> None:
        total = self._totals.pop(name, None) or _Total()
        for member in members:
            before = self._before(member)
            total.cpu_seconds += max(0.0, member.cpu_seconds - before.cpu_seconds)
            total.read_bytes += max(0.0, (member.read_bytes or 0.0) - (before.read_bytes or 0.0))
            total.written_bytes += max(0.0, (member.written_bytes or 0.0) - (before.written_bytes or 0.0))
        self._totals[name] = total  # last in the dictionary: the one forgotten last

    def _forget(self, present: dict[str, list[Member]]) -> None:
        for name in list(self._totals):
            if len(self._totals) <= self._places * _KEPT_PER_PLACE:
                return
            if name not in present:
                del self._totals[name]

    def _readings(self, name: str, members: list[Member]) -> list[Reading]:
        pairs = ((self._label, name),)
        total = self._totals[name]
        values = {
            "cpu_seconds_total": total.cpu_seconds,
            "resident_memory_bytes": sum(m.resident_bytes for m in members),
            "threads": float(sum(m.threads for m in members)),
            "count": float(len(members)),
            "oldest_start_time_seconds": min(m.started for m in members),
        }
        if any(m.open_fds is not None for m in members):
            values["open_fds"] = float(sum(m.open_fds or 0 for m in members))
        if any(m.read_bytes is not None for m in members):
            values["read_bytes_total"] = total.read_bytes
            values["written_bytes_total"] = total.written_bytes
        return [(self._prefix + field, pairs, value) for field, value in values.items()]


def _newborn(member: Member) -> Member:
    """The same process before it had used anything."""
    return Member(member.id, member.group, 0.0, 0.0, 0, member.started, None, None, None)
