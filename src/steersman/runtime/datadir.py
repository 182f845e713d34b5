"""The data directory: one process owns it, and its format version says who may read it.

It refuses to guess. A folder that holds something else, a newer format or a damaged marker stops the start with
the next step in words; nothing in it is changed before that is settled.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from steersman.model.errors import Conflict, Permanent

if TYPE_CHECKING:
    from pydantic import SecretStr

#: What this version of the platform writes. Raise it together with an entry in `UPGRADES`.
FORMAT_VERSION = 1
#: `UPGRADES[n]` turns a directory of version n into n + 1; it must be safe to repeat after a kill.
UPGRADES: Mapping[int, Callable[[Path], None]] = {}

_FOLDERS = ("telemetry", "database", "durable", "secrets")
_LOCK = "lock"
_MARKER = "format.json"
_MARKER_DRAFT = "format.json.new"
_TOKEN = "bootstrap-token"  # noqa: S105 - the name of a file
_TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class DataDir:
    """An open data directory. The lock is held until `close` or the end of the process, however that comes."""

    path: Path
    version: int
    _lock: int

    @classmethod
    def open(
        cls,
        path: Path,
        version: int = FORMAT_VERSION,
        upgrades: Mapping[int, Callable[[Path], None]] = UPGRADES,
    ) -> DataDir:
        """Create or open the directory and lock it.

        Raises `Conflict` while another process holds it and `Permanent` when it cannot be used as it is.
        """
        path = path.expanduser().absolute()
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = _lock(path)
        except OSError as error:
            raise Permanent(f"the data directory {path} cannot be used: {error.strerror}") from error
        try:
            _settle_format(path, version, upgrades)
            for name in _FOLDERS:
                (path / name).mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            os.close(lock)
            raise Permanent(f"the data directory {path} cannot be used: {error.strerror}") from error
        except Permanent:
            os.close(lock)
            raise
        return cls(path, version, lock)

    @property
    def telemetry(self) -> Path:
        return self.path / "telemetry"

    @property
    def database(self) -> Path:
        return self.path / "database"

    @property
    def durable(self) -> Path:
        return self.path / "durable"

    @property
    def secrets(self) -> Path:
        return self.path / "secrets"

    def close(self) -> None:
        """Release the lock; the directory must not be used afterwards."""
        os.close(self._lock)


def _lock(path: Path) -> int:
    descriptor = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    except BlockingIOError:
        holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(descriptor)
        raise Conflict(
            f"the data directory {path} is in use by the process {holder}: stop that one first, or give another --data"
        ) from None
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _settle_format(path: Path, version: int, upgrades: Mapping[int, Callable[[Path], None]]) -> None:
    stored = _stored_version(path)
    if stored is None:
        _write_marker(path, version)
        return
    if stored > version:
        raise Permanent(
            f"the data directory {path} has format {stored}, and this version of Steersman reads up to {version}: "
            f"start it with the newer version that wrote it, or restore a backup from before the update"
        )
    missing = [step for step in range(stored, version) if step not in upgrades]
    if missing:
        raise Permanent(
            f"the data directory {path} has format {stored}, which this version no longer upgrades: "
            f"open it once with a version that reads format {missing[0] + 1}"
        )
    for step in range(stored, version):
        upgrades[step](path)
        _write_marker(path, step + 1)


def _stored_version(path: Path) -> int | None:
    """Return the format version, or None for a directory that holds nothing yet."""
    marker = path / _MARKER
    if not marker.exists():
        strangers = sorted({child.name for child in path.iterdir()} - {_LOCK, _MARKER_DRAFT})
        if strangers:
            raise Permanent(
                f"{path} is not a Steersman data directory: it holds {strangers[0]!r} and no {_MARKER}; "
                f"give an empty or a new folder as --data"
            )
        return None
    damaged = Permanent(
        f"{marker} is damaged: restore this file from a backup of the data directory "
        f"(a directory that was never upgraded holds {_marker_text(1)!r})"
    )
    try:
        version = json.loads(marker.read_bytes())["version"]
    except (ValueError, KeyError, TypeError) as error:
        raise damaged from error
    if type(version) is not int or version < 1:
        raise damaged
    return version


def _marker_text(version: int) -> str:
    return json.dumps({"format": "steersman data directory", "version": version})


def _write_marker(path: Path, version: int) -> None:
    replace_file(path / _MARKER_DRAFT, path / _MARKER, _marker_text(version).encode())


def replace_file(draft: Path, target: Path, content: bytes) -> None:
    """Put a file in place so that a kill or a power cut leaves the old one or the new one, never half of it."""
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        # A disk that fills up takes a part and says how much: half a file must not be put over a whole one.
        left = memoryview(content)
        while left:
            left = left[os.write(descriptor, left) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    draft.replace(target)
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def bootstrap_token(directory: DataDir, configured: SecretStr | None) -> tuple[str, bool]:
    """Return the bootstrap token and whether it was made just now, so that it is printed once.

    A configured token wins and is not stored; otherwise the one in the data directory is used or made.
    """
    if configured is not None:
        return configured.get_secret_value(), False
    kept = directory.secrets / _TOKEN
    try:
        token = kept.read_text("ascii").strip()
    except FileNotFoundError:
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        replace_file(directory.secrets / f"{_TOKEN}.new", kept, f"{token}\n".encode())
        return token, True
    except (OSError, UnicodeDecodeError) as error:
        raise Permanent(f"the bootstrap token in {kept} cannot be read: {error}") from error
    if not token:
        raise Permanent(f"{kept} is empty: delete it, and the next start makes a new token")
    return token, False
