"""Reads target files when they change. A broken file keeps its last good list and is reported."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from steersman.model.errors import InvalidInput
from steersman.services.telemetry.jobs.sources import Intake, Source
from steersman.services.telemetry.logic.discovery import TargetGroup, parse_groups

#: A list of 100,000 targets takes about this much; a larger file is no target list.
_MOST_BYTES = 16 << 20

#: What tells one version of a file from another.
_Stamp = tuple[int, int, int]
_NEVER: _Stamp = (-1, -1, -1)


class TargetFiles:
    """The files that match some patterns; only the last part of a pattern may hold stars."""

    def __init__(self, patterns: Sequence[str], intake: Intake) -> None:
        self._patterns = [Path(pattern) for pattern in patterns]
        self._intake = intake
        self._stamps: dict[Path, _Stamp] = {}
        self._groups: dict[Path, list[TargetGroup]] = {}

    def groups(self) -> list[TargetGroup]:
        """Look at the files again and return the groups that hold now."""
        present = {path for pattern in self._patterns for path in pattern.parent.glob(pattern.name)}
        for path in self._stamps.keys() - present:
            self._forget(path)
        for path in sorted(present):
            self._refresh(path)
        return [group for path in sorted(self._groups) for group in self._groups[path]]

    def _refresh(self, path: Path) -> None:
        try:
            stamp = _stamp(path.stat())
            if self._stamps.get(path) == stamp:
                return
            self._stamps[path] = stamp
            self._groups[path] = _read(path)
        except (InvalidInput, UnicodeDecodeError) as error:
            self._intake.sources.failed(_source(path), str(error))
            return
        except OSError as error:
            # A right that is granted later does not change the file, so it is tried again each time.
            self._stamps[path] = _NEVER
            self._intake.sources.failed(_source(path), str(error))
            return
        targets = sum(len(group.targets) for group in self._groups[path])
        self._intake.sources.seen(_source(path), self._intake.clock.wall_ns(), targets)

    def _forget(self, path: Path) -> None:
        del self._stamps[path]
        self._groups.pop(path, None)
        self._intake.sources.gone(_source(path))


def _source(path: Path) -> Source:
    return Source("targets", str(path))


def _stamp(status: os.stat_result) -> _Stamp:
    return status.st_mtime_ns, status.st_size, status.st_ino


def _read(path: Path) -> list[TargetGroup]:
    with path.open("rb") as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise InvalidInput(f"a target file holds at most {_MOST_BYTES >> 20} MiB")
    return parse_groups(content.decode(), yaml=path.suffix.lower() in {".yml", ".yaml"})
