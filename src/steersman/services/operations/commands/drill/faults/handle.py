"""What one gets back from a fault that was begun."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol


class Handle(Protocol):
    """A fault in a running mesh."""

    def describe(self) -> str:
        """What was done, in words for the log of the drill."""
        ...

    def still_there(self) -> bool:
        """Whether the fault itself is still in place; not whether its effects show."""
        ...

    def clean_up(self) -> None:
        """End it, whoever else may have ended it before."""
        ...


@dataclass(frozen=True, slots=True)
class Done:
    """A handle from three parts."""

    text: str
    there: Callable[[], bool] = lambda: False
    undo: Callable[[], None] = lambda: None

    def describe(self) -> str:
        return self.text

    def still_there(self) -> bool:
        return self.there()

    def clean_up(self) -> None:
        self.undo()


class Course:
    """A happening that takes its time: steps on a thread of its own, each after a rest, until it is ended.

    `left` says whether it goes on when all steps are done.
    """

    def __init__(
        self, text: str, steps: Iterator[float], undo: Callable[[], None], left: Callable[[], bool] = lambda: False
    ) -> None:
        self._text = text
        self._steps = steps
        self._undo = undo
        self._left = left
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        for rest in self._steps:
            if self._ended.wait(rest):
                return

    def describe(self) -> str:
        return self._text

    def still_there(self) -> bool:
        return self._thread.is_alive() or self._left()

    def clean_up(self) -> None:
        self._ended.set()
        self._thread.join()
        self._undo()
