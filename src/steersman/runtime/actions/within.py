"""Waits for a plug-in's function no longer than it may take. What hangs keeps a thread of its own and nobody else's.

Nothing is cut off: a thread cannot be. Whoever gave the function up finds out later what became of it.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from steersman.model.errors import Temporary

T = TypeVar("T")


class Overdue(Temporary):
    """It is not done in time and goes on."""


@dataclass(slots=True)
class Running(Generic[T]):
    """A function that runs in a thread of its own."""

    name: str
    work: Callable[[], T]
    _ended: threading.Event = field(default_factory=threading.Event)
    _results: list[T] = field(default_factory=list)
    _errors: list[BaseException] = field(default_factory=list)

    def result(self, seconds: float) -> T:
        """Return or raise what the function does; raises `Overdue` when it is not done by then."""
        if not self._ended.wait(seconds):
            raise Overdue(f"{self.name} is not done after {seconds:g} seconds and goes on")
        if self._errors:
            raise self._errors[0]
        return self._results[0]

    def _run(self) -> None:
        try:
            self._results.append(self.work())
        except BaseException as error:  # noqa: BLE001 - nothing is swallowed: `result` raises it where it is waited for
            self._errors.append(error)
        finally:
            self._ended.set()


def begun(name: str, work: Callable[[], T]) -> Running[T]:
    """Start a function in a thread that does not hold up the end of the process, with the caller's context."""
    running: Running[T] = Running(name, work)
    context: Any = contextvars.copy_context()
    threading.Thread(target=context.run, args=(running._run,), name=name, daemon=True).start()  # noqa: SLF001 - its own
    return running
