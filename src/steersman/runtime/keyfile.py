"""How a part of the platform keeps a key in a file of its own, whatever stands between the key and the disk.

The ring of keys seals such files; who has no ring, as a test or a tool, keeps them as they are. Each part says itself
what is to be done about a file that is lost or damaged.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from steersman.runtime.datadir import replace_file


class KeyFile(Protocol):
    """Files that hold one kind of key. A kill leaves the old content or the new one."""

    def read(self, path: Path) -> bytes:
        """Return what was written; raises `OSError`, and `ValueError` where the file is damaged or somebody else's."""

    def renew(self, path: Path) -> None:
        """Protect a file as this version does, once its owner found it whole and private; never fails."""

    def write(self, path: Path, content: bytes) -> None:
        """Put a content in place; raises `OSError` or `Temporary` where the disk refuses, and the old one stays."""

    def move(self, coming: Path, path: Path) -> None:
        """Let one file take the place of the other; raises `FileNotFoundError` where somebody else just did."""


class InTheClear:
    """Files that are read by whoever may open them."""

    def read(self, path: Path) -> bytes:
        return path.read_bytes()

    def renew(self, path: Path) -> None:
        """Leave it as it is."""

    def write(self, path: Path, content: bytes) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(path.with_name(f"{path.name}.new"), path, content)

    def move(self, coming: Path, path: Path) -> None:
        coming.replace(path)
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make sure that what a folder lists survives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


IN_THE_CLEAR = InTheClear()
