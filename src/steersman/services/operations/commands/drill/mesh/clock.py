"""The clock and the dice of a mesh program: the one place that reads the machine's own, plus what a fault adds to it.

These processes are the patients of the drill. They cannot take the platform's clock, because one of their illnesses
is a clock that is wrong. `python -m ...mesh.clock FOLDER` sets the clock of the program in that folder right, as an
operator does with a time server at hand.
"""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path


class Clock:
    """Wall time that is off by the seconds in a file; the file is looked at when `refresh` is called."""

    def __init__(self, offset_file: Path) -> None:
        self._file = offset_file
        self._offset = 0.0

    def refresh(self) -> None:
        self._offset = number_in(self._file, 0.0)

    def wall(self) -> float:
        return time.time() + self._offset  # noqa: TID251 - a patient has the machine's clock, as any program has


def true_wall() -> float:
    """What the machine's clock says, whatever a fault makes a program believe."""
    return time.time()  # noqa: TID251 - spans and logs carry the time of the machine that writes them


def monotonic() -> float:
    return time.monotonic()  # noqa: TID251 - a patient measures itself as any program does


def pause(seconds: float) -> None:
    """Block this thread."""
    time.sleep(seconds)  # noqa: TID251 - blocking a thread is what some faults are


def chance(probability: float) -> bool:
    """Throw a die."""
    return probability > 0 and random.random() < probability  # noqa: S311 - load and faults are no secrets


def between(low: float, high: float) -> float:
    return random.uniform(low, high)  # noqa: S311 - load and faults are no secrets


def random_hex(digits: int) -> str:
    return f"{random.getrandbits(4 * digits):0{digits}x}"


def number_in(file: Path, otherwise: float) -> float:
    """The number that a small file holds; a file that is missing or holds no number counts as not written."""
    try:
        return float(file.read_text())
    except (OSError, ValueError):
        return otherwise


if __name__ == "__main__":
    Path(sys.argv[1], "clock_offset").write_text("0")
    sys.stdout.write("the clock is right again\n")
