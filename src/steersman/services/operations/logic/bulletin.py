"""What the loop shows of itself: how it is doing, what it sees, and a version that grows with everything recorded.

The loop writes, handlers read; each field is replaced whole, so that no lock is needed. Answers that are kept as bytes
are good for as long as the version stays, and streams are woken when it grows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from steersman.model.plans import Policy
from steersman.model.rounds import Trend
from steersman.model.topology import Topology


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopStatus:
    """How the loop is doing. `blind` says why it does not act, where it cannot see; `behind` counts waiting rounds."""

    started_ms: int = 0
    rounds: int = 0
    last_round_ms: int | None = None
    round_seconds: float = 0.0
    series: int = 0
    blind: str = ""
    trouble: str = ""


def _no_levels() -> Sequence[Trend]:
    return ()


def _nothing() -> None:
    return None


@dataclass(slots=True)
class Bulletin:
    """The board that the loop writes on, and the ways back to it.

    `levels` asks the senses how every signal stands, `policy` what is in force now, both from a worker thread;
    `reconsider` tells that somebody changed the policy.
    """

    status: LoopStatus = field(default_factory=LoopStatus)
    topology: Topology = field(default_factory=Topology)
    levels: Callable[[], Sequence[Trend]] = _no_levels
    policy: Callable[[], Policy] = Policy
    reconsider: Callable[[], None] = _nothing
    version: int = 0
    _wake: list[Callable[[], None]] = field(default_factory=list)

    def recorded(self) -> None:
        """Say that something was recorded: call it after the transaction. Any thread may."""
        self.version += 1
        for wake in tuple(self._wake):
            wake()

    @contextmanager
    def watching(self, wake: Callable[[], None]) -> Iterator[None]:
        """Have `wake` called at each `recorded`, from whichever thread that is in."""
        self._wake.append(wake)
        try:
            yield
        finally:
            self._wake.remove(wake)
