"""Remembers which release, configuration and knob setting a service had before, so that it can be put back.

The contents of configuration files are kept by digest, the last few versions of each. It notices and keeps; what to
go back to is decided elsewhere.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from steersman.model.errors import Permanent
from steersman.services.workloads.model.definition import ServiceDefinition
from steersman.services.workloads.model.versions import Shift, Track, TrackKind, Version
from steersman.services.workloads.store.disk import read_bytes, read_json, read_link, replace_file, write_json

_VERSIONS = 8
#: A configuration file is small; a larger one is watched by its digest and cannot be put back.
_KEPT_BYTES = 1 << 20
#: The version of a file that is not there.
ABSENT = "absent"

_Stamp = tuple[int, int, int]


class History:
    """Versions by track, in one file, with the contents beside it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / "history.json"
        self._lock = threading.Lock()
        self._stamps: dict[str, tuple[_Stamp | None, str]] = {}
        self._unsettled: dict[str, _Stamp | None] = {}
        self._versions = {
            service: {key: tuple(Version(*version) for version in versions) for key, versions in tracks.items()}
            for service, tracks in read_json(self._path).items()
        }

    def versions(self, track: Track) -> tuple[Version, ...]:
        """Return what is known of a track, the present version last."""
        return self._versions.get(track.service, {}).get(track.key, ())

    def content(self, digest: str) -> bytes:
        """Return the content of a version; raises `Permanent` when it was not kept."""
        found = read_bytes(self._kept / digest)
        if found is None:
            raise Permanent(
                f"the version {digest[:12]} was not kept: it was larger than {_KEPT_BYTES} bytes or too old"
            )
        return found

    def record(self, track: Track, version: Version) -> None:
        """Note a version that the platform itself brought about."""
        with self._lock:
            self._append(track, version)
            self._save()

    def look(self, service: str, definition: ServiceDefinition, now_ms: int) -> list[Shift]:
        """Compare everything that a service depends on with what is known; the first sight is no shift."""
        shifts = []
        with self._lock:
            for track, value, since_ms in self._present(service, definition):
                versions = self.versions(track)
                if versions and versions[-1].value == value:
                    continue
                version = Version(value, min(now_ms, since_ms or now_ms))
                self._append(track, version)
                if versions:
                    shifts.append(Shift(track, versions[-1], version))
                self._save()
        return shifts

    def _present(self, service: str, definition: ServiceDefinition) -> Iterator[tuple[Track, str, int]]:
        if definition.current and (target := read_link(definition.current)):
            yield Track(service, TrackKind.RELEASE), target, _since_ms(definition.current)
        for file in definition.config_files:
            if digest := self._digest(file):
                yield Track(service, TrackKind.CONFIG, file), digest, _since_ms(file)
        for name, knob in definition.knobs.items():
            content = read_bytes(Path(knob.file))
            if content is not None and (text := content.decode("utf-8", "replace").strip()):
                yield Track(service, TrackKind.KNOB, name), text, _since_ms(knob.file)

    def _digest(self, file: str) -> str:
        """Return the digest of a file's content, once it was the same at two looks: a writer may be at work."""
        stamp = _stamp(file)
        known = self._stamps.get(file)
        if known is not None and known[0] == stamp:
            return known[1]
        if known is not None and self._unsettled.get(file, "new") != stamp:
            self._unsettled[file] = stamp
            return ""
        digest = self.keep(file)
        self._stamps[file] = (stamp, digest)
        return digest

    def keep(self, file: str) -> str:
        """Keep what a file holds now, and return its digest."""
        content = read_bytes(Path(file))
        if content is None:
            return ABSENT
        digest = hashlib.sha256(content).hexdigest()
        if len(content) <= _KEPT_BYTES and not (self._kept / digest).exists():
            self._kept.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(self._kept / digest, content)
        return digest

    @property
    def _kept(self) -> Path:
        return self._folder / "kept"

    def _append(self, track: Track, version: Version) -> None:
        tracks = self._versions.setdefault(track.service, {})
        tracks[track.key] = (*tracks.get(track.key, ()), version)[-_VERSIONS:]

    def _save(self) -> None:
        held = {
            service: {key: [[v.value, v.since_ms, v.by] for v in versions] for key, versions in tracks.items()}
            for service, tracks in self._versions.items()
        }
        write_json(self._path, held)
        named = {v.value for tracks in self._versions.values() for versions in tracks.values() for v in versions}
        for kept in self._kept.iterdir() if self._kept.exists() else ():
            if kept.name not in named and not kept.name.startswith("."):
                kept.unlink()


def digest_now(file: str) -> str:
    """Return the digest of what a file holds at this moment."""
    content = read_bytes(Path(file))
    return ABSENT if content is None else hashlib.sha256(content).hexdigest()


def _stamp(file: str) -> _Stamp | None:
    try:
        found = Path(file).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _since_ms(path: str) -> int:
    try:
        return os.lstat(path).st_mtime_ns // 1_000_000
    except OSError:
        return 0
