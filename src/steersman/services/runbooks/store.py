"""Which runs were begun and how they ended, in small files: one folder for each key.

A run is written down before its command starts and again when it has ended. So whoever repeats a key after a kill
knows that it was begun, and never takes a second start for the first.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path

from steersman.contract.identifiers import Identifiers
from steersman.services.runbooks.model import Ran, Runbook, RunbookSettings

_BEGUN, _ENDED = "begun", "ended"


@dataclass(frozen=True, slots=True)
class Book:
    """The declared runbooks. It can start nothing."""

    runbooks: dict[str, Runbook]


@dataclass(frozen=True, slots=True)
class Runs:
    """The state of the service: what is declared, and where it is written down what was run."""

    looking: Book
    folder: Path

    def begun(self, key: str) -> bool:
        return (self._of(key) / _BEGUN).exists()

    def ended(self, key: str) -> Ran | None:
        """Return how the run under a key ended, or None."""
        try:
            return Ran(**json.loads((self._of(key) / _ENDED).read_text()))
        except FileNotFoundError:
            return None

    def begin(self, key: str, name: str) -> None:
        self._of(key).mkdir(parents=True, exist_ok=True)
        self._write(self._of(key), _BEGUN, name)

    def end(self, key: str, ran: Ran) -> Ran:
        self._of(key).mkdir(parents=True, exist_ok=True)
        self._write(self._of(key), _ENDED, json.dumps(asdict(ran)))
        return ran

    def naming(self, who: Identifiers) -> Iterator[tuple[Path, Ran]]:
        """Yield what was kept of runs whose output names somebody."""
        for path in sorted(self.folder.glob(f"*/{_ENDED}")):
            ran = Ran(**json.loads(path.read_text()))
            if who.stand_in(ran.output):
                yield path, ran

    def rewrite(self, path: Path, ran: Ran) -> None:
        """Keep another output of a run; that it was run stays known under its key."""
        self._write(path.parent, _ENDED, json.dumps(asdict(ran)))

    def forget_outputs(self, before_s: float, kept: Callable[[Ran], bool], most: int) -> int:
        """Empty the output of runs that ended before a time, unless it is to be kept; return of how many."""
        count = 0
        for path in sorted(self.folder.glob(f"*/{_ENDED}")):
            if count == most or path.stat().st_mtime >= before_s:
                continue
            ran = Ran(**json.loads(path.read_text()))
            if ran.output and not kept(ran):
                self.rewrite(path, replace(ran, output=""))
                count += 1
        return count

    def _of(self, key: str) -> Path:
        return self.folder / sha256(key.encode()).hexdigest()[:32]

    def _write(self, folder: Path, name: str, content: str) -> None:
        """Write a file so that after a power cut it is there whole or not at all."""
        draft = folder / f"{name}.draft"
        with draft.open("w") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(folder / name)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def opened(settings: RunbookSettings, data_dir: Path) -> Runs:
    """Return the state; nothing is made before something is run."""
    return Runs(Book(dict(settings.runbooks)), data_dir / "runbooks")
