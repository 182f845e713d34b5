"""Where everything waits that the next round will tell the loop.

Other services report here through the `Observer` port, from any thread. Nothing is judged here: what comes twice in one
round is told once, and what is too much for one round waits for the next.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from steersman.model.changes import Change
from steersman.model.entities import Entity
from steersman.model.findings import Finding
from steersman.model.incidents import Incident
from steersman.model.rounds import Feedback, Progress, Remedies, Trend
from steersman.model.topology import Edge


@dataclass(slots=True)
class Waiting:
    """What came in since the last round."""

    findings: dict[str, Finding] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    entities: list[Entity] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    trends: list[Trend] = field(default_factory=list)
    remedies: list[Remedies] = field(default_factory=list)
    progress: list[Progress] = field(default_factory=list)
    feedback: list[Feedback] = field(default_factory=list)


class Inbox:
    """The Observer port, and the loop's own letter box."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting = Waiting()
        self._incidents: tuple[Incident, ...] = ()
        self._held = ""

    def found(self, finding: Finding) -> None:
        """Report that something is unusual, still is, or has ended."""
        with self._lock:
            self._waiting.findings[finding.key] = finding

    def changed(self, change: Change) -> None:
        """Report that somebody altered something on purpose."""
        with self._lock:
            self._waiting.changes.append(change)

    def declare(self, entities: Sequence[Entity], edges: Sequence[Edge] = ()) -> None:
        """Make entities and what they need known."""
        with self._lock:
            self._waiting.entities.extend(entities)
            self._waiting.edges.extend(edges)

    def incidents(self) -> Sequence[Incident]:
        """Return the incidents that are not resolved, as of the last round."""
        return self._incidents

    def unrest(self) -> str:
        """Say why nothing should be changed on purpose now, as of the last round."""
        if self._held:
            return self._held
        return f"the incident {self._incidents[0].id} is open: {self._incidents[0].title}" if self._incidents else ""

    def tell(
        self,
        *,
        trends: Sequence[Trend] = (),
        remedies: Sequence[Remedies] = (),
        progress: Sequence[Progress] = (),
        feedback: Sequence[Feedback] = (),
    ) -> None:
        """Answer the loop, or tell it what became of a plan and what a person said."""
        with self._lock:
            self._waiting.trends.extend(trends)
            self._waiting.remedies.extend(remedies)
            self._waiting.progress.extend(progress)
            self._waiting.feedback.extend(feedback)

    def show(self, incidents: Sequence[Incident], held: str = "") -> None:
        """Publish the open incidents, and why the policy holds everything, for those who ask."""
        self._incidents, self._held = tuple(incidents), held

    def take(self) -> Waiting:
        """Hand out what waits and begin anew."""
        with self._lock:
            taken, self._waiting = self._waiting, Waiting()
        return taken
