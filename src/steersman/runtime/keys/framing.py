"""Small files of keys: text with a checksum that a person can move, written so that no step of it can lose the old one.

There is one way to write each content, so that any other byte than the one written is damage, not style. What was
written is read back before it takes the place of the old file: a full disk is noticed while that is still there.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from steersman.model.errors import Temporary
from steersman.runtime.keyfile import sync_folder

#: Others than the owner have no business with these files.
MODE = 0o600


class Damaged(ValueError):
    """The bytes are not what was written."""


def framed(content: Mapping[str, Any]) -> bytes:
    """Return the one text of a content, with its checksum."""
    plain = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return json.dumps({**content, "sha256": hashlib.sha256(plain.encode()).hexdigest()}, indent=1).encode() + b"\n"


def unframed(text: bytes) -> dict[str, Any]:
    """Return the content; raises `Damaged` for anything that `framed` would not have written."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Damaged("it is not JSON") from error
    if not isinstance(content, dict) or "sha256" not in content:
        raise Damaged("it has no checksum")
    del content["sha256"]
    if framed(content) != text:
        raise Damaged("its checksum does not fit")
    return content


def put(path: Path, text: bytes) -> None:
    """Replace a file as a whole; raises `Temporary` where the disk refuses, and then the old file is untouched."""
    draft = path.with_name(f"{path.name}.new")
    try:
        _write(draft, text)
        draft.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        raise Temporary(f"{path} cannot be written, and the old one stays: {error.strerror or error}") from error


def _write(path: Path, text: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, MODE)
    try:
        os.fchmod(descriptor, MODE)
        left = memoryview(text)
        while left:
            left = left[os.write(descriptor, left) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if path.read_bytes() != text:
        raise OSError("what was written reads differently")


@contextmanager
def wiped(path: Path) -> Iterator[None]:
    """Overwrite what a file holds now, once something else has taken its place.

    What the disk moved elsewhere by itself, and what a snapshot holds, is out of reach.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        yield
        os.pwrite(descriptor, bytes(os.fstat(descriptor).st_size), 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def alone(gate: Path) -> Iterator[None]:
    """Hold a gate against other processes; the kernel lets go of it after a kill."""
    descriptor = os.open(gate, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, MODE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
