"""Files of keys outside of the ring, sealed with a key of it: without the root key they say nothing.

Each file is an envelope bound to what it is for, so that one cannot be put in the place of another. A file from a
version before lies in the clear: it is read, and once its owner found it whole and private it is sealed and what was
there is overwritten. So is one that is sealed with an older key. A full disk puts that off, never the start.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from steersman.model.errors import Temporary
from steersman.runtime.keyfile import sync_folder
from steersman.runtime.keys import envelope
from steersman.runtime.keys.framing import Damaged, alone, put, wiped
from steersman.runtime.keys.ring import Key

_GATE = "key-files.lock"
_TABLE, _COLUMN = "files", "key"
_LOG = logging.getLogger(__name__)


class FileKeys(Protocol):
    """Where the keys of files come from: the ring."""

    def file_key(self) -> Key: ...
    def find_file_key(self, id: bytes) -> bytes | None: ...


@dataclass(frozen=True, slots=True)
class SealedFile:
    """The files that hold one kind of key; any thread and any process of the data directory may use them."""

    keys: FileKeys
    purpose: str

    def read(self, path: Path) -> bytes:
        """Return what was written; raises `OSError`, and `Damaged` for another file than this ring sealed for this."""
        return self._opened(path.read_bytes())

    def renew(self, path: Path) -> None:
        """Seal a file that its owner found whole, unless it is sealed with the newest key already."""
        try:
            newest = bytes.fromhex(self.keys.file_key().id)
            if envelope.key_id_of(path.read_bytes()) != newest:
                with alone(path.parent / _GATE):
                    self._sealed_anew(path)
        except (Temporary, OSError) as error:
            _LOG.warning("a file of keys is not sealed yet", extra={"path": str(path), "why": str(error)})

    def write(self, path: Path, content: bytes) -> None:
        """Put a content in place; raises `Temporary` where the disk refuses, and the old one stays."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with alone(path.parent / _GATE):
            put(path, self._sealed(content))

    def move(self, coming: Path, path: Path) -> None:
        """Let one file take the place of the other; raises `FileNotFoundError` where somebody else just did."""
        with alone(path.parent / _GATE):
            coming.replace(path)
            sync_folder(path.parent)

    def _opened(self, text: bytes) -> bytes:
        if envelope.key_id_of(text) is None:
            return text
        try:
            return envelope.open_sealed(text, self._place(), self.keys.find_file_key)
        except envelope.DoesNotOpen as error:
            raise Damaged("it was altered, belongs to another ring, or is not what its name says") from error

    def _sealed_anew(self, path: Path) -> None:
        # Who holds the gate is the only one who writes: a draft was left by a kill, perhaps in the clear.
        for draft in {path.with_name(f"{path.name}.new"), path.with_suffix(".new")}:
            if draft.exists():
                with wiped(draft):
                    draft.unlink()
        with wiped(path):
            put(path, self._sealed(self.read(path)))

    def _sealed(self, content: bytes) -> bytes:
        key = self.keys.file_key()
        return envelope.seal(content, self._place(), bytes.fromhex(key.id), key.secret)

    def _place(self) -> envelope.Place:
        return envelope.Place(_TABLE, _COLUMN, self.purpose)
