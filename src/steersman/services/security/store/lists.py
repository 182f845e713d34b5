"""The lists of addresses on disk, read again when a file changed. One that cannot be read keeps what it said before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from steersman.model.errors import Permanent
from steersman.services.security.logic.lists import Listed, read
from steersman.services.security.logic.networks import Network
from steersman.services.security.model.measures import ListView


@dataclass(slots=True)
class _File:
    """A list as it was when it was last read."""

    stamp: tuple[int, int] = (0, 0)
    listed: Listed = field(default_factory=Listed)
    failure: str = ""


class Lists:
    """All lists that the settings name."""

    def __init__(self, paths: Sequence[Path], never: Sequence[Network]) -> None:
        self._never = never
        self._files = {path: _File() for path in paths}

    def open(self) -> None:
        """Read all for the first time; raises `Permanent` for one that is not there."""
        self.reread()
        if missing := [file.failure for file in self._files.values() if file.failure]:
            raise Permanent(f"{missing[0]}: put the file there, or take it out of security.lists")

    def reread(self) -> bool:
        """Read what changed; tell whether anything did."""
        changed = [self._reread(path, file) for path, file in self._files.items()]
        return any(changed)

    def _reread(self, path: Path, file: _File) -> bool:
        try:
            status = path.stat()
            stamp = (status.st_mtime_ns, status.st_size)
            if stamp == file.stamp:
                return False
            with path.open(encoding="utf-8", errors="replace") as lines:
                file.listed = read(str(path), lines, self._never)
        except OSError as error:
            file.failure = f"the list {path} cannot be read: {error.strerror}"
            return False
        file.stamp, file.failure = stamp, ""
        return True

    def networks(self) -> set[Network]:
        return {network for file in self._files.values() for network in file.listed.networks}

    def views(self) -> list[ListView]:
        return [
            ListView(
                path=str(path),
                networks=len(file.listed.networks),
                wrong=[*file.listed.wrong, *([file.failure] if file.failure else [])],
            )
            for path, file in self._files.items()
        ]

    def complaint(self) -> str | None:
        """Say what is wrong with the lists, and what to do."""
        wrong = [line for view in self.views() for line in view.wrong]
        if not wrong:
            return None
        return f"{wrong[0]} (and {len(wrong) - 1} more): correct the line; all others are in force"
