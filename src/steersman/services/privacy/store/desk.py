"""Where erasures are asked for on one thread and done by the job on another. What is to do is in the database."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Desk:
    """Where erasures are asked for by one thread and done by another."""

    loop: asyncio.AbstractEventLoop
    wanted: asyncio.Event = field(default_factory=asyncio.Event)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def ask(self) -> None:
        """Say that one was written down."""
        self.loop.call_soon_threadsafe(self.wanted.set)

    def wait(self, is_done: Callable[[], bool], seconds: float) -> None:
        """Wait until it is done, or so long. Blocks."""
        with self.changed:
            self.changed.wait_for(is_done, seconds)

    def tell(self) -> None:
        """Say that one went on."""
        with self.changed:
            self.changed.notify_all()
