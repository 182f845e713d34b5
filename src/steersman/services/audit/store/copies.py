"""The checkpoints once more in a plain file that only grows, so that a copy can be kept where nobody here can write.

The database is ahead of the file or equal to it, never behind: what the file knows and the database does not, somebody
took from the database.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from steersman.engine.audit.checkpoint import split_notes
from steersman.model.errors import InvalidInput, Permanent
from steersman.runtime.keyfile import sync_folder

COPY_FILE = Path("audit") / "checkpoints"
#: A checkpoint is some 250 bytes. More than this at the end that is none was not left by a kill.
_LONGEST_NOTE = 1_024
_TAIL_BYTES = 16 * _LONGEST_NOTE
#: What stands between a checkpoint and its signature.
_SEAL = "\n\n\u2014 ".encode()


def append_notes(path: Path, notes: Sequence[str]) -> None:
    """Append checkpoints and sync them; each is followed by an empty line."""
    if not notes:
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        left = "".join(f"{note}\n" for note in notes).encode()
        while left:
            left = left[os.write(descriptor, left) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_folder(path.parent)


def mend(path: Path) -> str | None:
    """Cut off a checkpoint that a kill left half written, and return the newest whole one.

    Raises `Permanent` where the end is neither: that is no kill's doing.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL_BYTES))
            tail = file.read()
    except FileNotFoundError:
        return None
    whole = _end_of_last(tail)
    torn = tail[whole:].strip(b"\n")
    if len(torn) > _LONGEST_NOTE:
        raise damaged(path)
    if torn:
        os.truncate(path, size - len(tail) + whole)
    notes, _ = split_notes(tail[:whole].decode("utf-8", "replace"))
    return notes[-1] if notes else None


def _end_of_last(tail: bytes) -> int:
    """Return where the last whole checkpoint ends: behind the line of its signature."""
    before = len(tail)
    while (seal := tail.rfind(_SEAL, 0, before)) >= 0:
        end = tail.find(b"\n", seal + 2)
        if end >= 0:
            return end + 1
        before = seal
    return 0


def damaged(path: Path) -> Permanent:
    return Permanent(
        f"{path} is damaged, it does not end in a signed checkpoint: move it aside and keep it as evidence, run "
        "`steersman audit verify` with it as --checkpoint, and start again, which writes it anew from the database"
    )


def read_notes(path: Path) -> list[str]:
    """Return every checkpoint in a file, without one that is being written or was left half written at the end.

    Raises `InvalidInput` where the file holds anything else.
    """
    try:
        notes, rest = split_notes(path.read_text("utf-8"))
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} does not hold checkpoints: it is not text") from error
    if len(rest) > _LONGEST_NOTE:
        raise InvalidInput(f"{path} holds something other than checkpoints")
    return notes
