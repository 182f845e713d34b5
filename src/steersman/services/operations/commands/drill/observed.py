"""What a drill sees and what it knows: the scenario's own truth on one side, the watcher's public answers on the other.

Values only. The truth is written before the scenario runs and never reaches the watcher; everything else is what any
client of the watcher's API, or of the mesh, could have seen at the same time.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Rank of a severity; what is below a warning needs nobody.
SEVERITIES = ("info", "warning", "critical")

#: A plan in one of these states has had no effect and will have none.
WITHOUT_EFFECT = frozenset({"suggested", "awaiting_approval", "rejected", "refused", "nothing_to_do", "expired"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueCause:
    """One fault: which names of its cause count as right, where it is, and which entities it touches."""

    kinds: frozenset[str]
    entities: frozenset[str]
    affected: frozenset[str]


@dataclass(frozen=True, slots=True)
class Permit:
    """Actions that do no harm in a scenario: globs over the action's name and the target's reference."""

    action: str
    target: str = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What stands in the scenario before it runs. A control has no causes and permits nothing."""

    scenario: str
    causes: tuple[TrueCause, ...] = ()
    permits: tuple[Permit, ...] = ()

    @property
    def control(self) -> bool:
        return not self.causes


@dataclass(frozen=True, slots=True)
class Ranked:
    """One hypothesis as the watcher showed it."""

    cause: str
    entity: str
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentSeen:
    """An incident as it was shown from `seen_ms` on, until the next one with its id."""

    id: str
    seen_ms: int
    opened_ms: int
    severity: str
    state: str
    title: str
    entities: tuple[str, ...] = ()
    ranking: tuple[Ranked, ...] = ()

    @property
    def over(self) -> bool:
        """Whether it asks for nothing any more; what is mitigated is only watched."""
        return self.state in {"mitigated", "resolved"}

    @property
    def serious(self) -> bool:
        return SEVERITIES.index(self.severity) >= SEVERITIES.index("warning")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSeen:
    """A plan as it was shown last. `verdict` is empty until there is one; `harm` names neighbours that became worse."""

    id: str
    incident: str
    action: str
    target: str
    autonomy: str
    state: str
    decided_ms: int
    applied_ms: int | None = None
    summary: str = ""
    outcome: str = ""
    verdict: str = ""
    harm: tuple[str, ...] = ()

    @property
    def meant_to_act(self) -> bool:
        """Whether the watcher had decided to act without asking."""
        return self.autonomy == "act"

    @property
    def performed(self) -> bool:
        """Whether it had an effect, or began to have one."""
        return self.state not in WITHOUT_EFFECT and (self.meant_to_act or self.applied_ms is not None)

    @property
    def cured(self) -> bool:
        """Whether the watcher itself says that this helped."""
        return self.performed and "cured" in (self.state, self.verdict)


@dataclass(frozen=True, slots=True)
class Look:
    """Whether the scenario's criterion of a repair held at a time, seen from outside of the watcher."""

    time_ms: int
    repaired: bool
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Everything that was seen of one scenario. `harmed` is what the scenario says must never happen and did.

    `failure` says why it could not be carried out as it is written.
    """

    started_ms: int
    injected_ms: int
    ended_ms: int
    incidents: tuple[IncidentSeen, ...] = ()
    plans: tuple[PlanSeen, ...] = ()
    looks: tuple[Look, ...] = ()
    harmed: tuple[str, ...] = ()
    watcher_died_ms: int | None = None
    failure: str = ""
