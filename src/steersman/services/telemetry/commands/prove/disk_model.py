"""What may be on a disk after the power went, given what was written and synced before. Pure: no file is touched.

The model promises no more than POSIX does:

* A file's bytes are safe once a sync that began after their write has returned. Until then each write may be
  there, may be missing, or may be there in part: every sector of it counts alone, so a write may also be torn in
  the middle, and a file that grew may hold zeros, or what the blocks held before, where nothing arrived.
  Writes reach the disk in any order.
* A name (a created, renamed or removed file, a new folder) is safe once a sync of its folder that began after
  the change has returned. Until then each change may be there or not, whatever became of the others; a rename
  happens whole or not at all.
* Syncing a file does not save its name, and syncing a folder does not save what is in its files.

Real file systems keep more than this. A store that survives the model needs none of their kindness.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePosixPath
from random import Random

SECTOR = 512


@dataclass(frozen=True, slots=True)
class Create:
    """A new, empty file gets a name. `file` stands for the file from now on, whatever it is called."""

    file: int
    path: str


@dataclass(frozen=True, slots=True)
class Write:
    file: int
    offset: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Resize:
    """The file now ends at `size`; what is new reads as zeros."""

    file: int
    size: int


@dataclass(frozen=True, slots=True)
class Sync:
    """A sync of a file's content returned; it covers the operations before number `began`."""

    file: int
    began: int


@dataclass(frozen=True, slots=True)
class Rename:
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class MakeFolder:
    path: str


@dataclass(frozen=True, slots=True)
class Remove:
    path: str


@dataclass(frozen=True, slots=True)
class SyncFolder:
    """A sync of a folder's names returned; it covers the operations before number `began`."""

    path: str
    began: int


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """The store told a sender that request `request` is safe. It changes nothing on the disk."""

    request: int


Operation = Create | Write | Resize | Sync | Rename | MakeFolder | Remove | SyncFolder | Acknowledge
Content = Write | Resize


class Fate(StrEnum):
    """What becomes of everything that was not synced."""

    LOST = "lost"
    KEPT = "kept"
    NAMES_ONLY = "names only"
    CONTENT_ONLY = "content only"
    SHUFFLED = "shuffled"
    TORN = "torn"
    GARBAGE = "garbage"


@dataclass(slots=True)
class _File:
    safe: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, Content]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Renaming:
    """One change of names: what each of these paths means afterwards (None: nothing)."""

    number: int
    folders: frozenset[str]
    meaning: tuple[tuple[str, int | None], ...]


def folder_of(path: str) -> str:
    return str(PurePosixPath(path).parent)


class Disk:
    """Folds operations one by one; `after_power_loss` shows one of the trees that may be found at this moment.

    Paths are relative to a folder that exists and is safe. What is in it at first is safe too: `files` (path, then
    number and content) and `folders`. Any other folder comes into being with its first file.
    """

    def __init__(self, files: Mapping[str, tuple[int, bytes]], folders: Iterable[str] = ()) -> None:
        self._count = 0
        self._files = {number: _File(bytearray(content)) for number, content in files.values()}
        self._now = {path: number for path, (number, _) in files.items()}
        self._safe = dict(self._now)
        self._pending: list[_Renaming] = []
        self._safe_folders = {".", *folders}
        self._new_folders: dict[str, int] = {}

    @property
    def unsynced(self) -> int:
        """How many changes a loss of power may take back now."""
        return len(self._pending) + sum(len(file.pending) for file in self._files.values())

    def apply(self, operation: Operation) -> None:
        """Take the next operation."""
        match operation:
            case Create(file, path):
                self._files[file] = _File()
                self._note_folders(path)
                self._rename((path, file))
            case Write(file) | Resize(file):
                self._files[file].pending.append((self._count, operation))
            case Rename(source, target):
                self._note_folders(target)
                self._rename((source, None), (target, self._now[source]))
            case MakeFolder(path):
                self._note_folders(f"{path}/any")
            case Remove(path):
                if path in self._now:
                    self._rename((path, None))
            case Sync(file, began):
                self._sync(self._files[file], began)
            case SyncFolder(path, began):
                self._sync_folder(path, began)
            case Acknowledge():
                pass
        self._count += 1

    def _rename(self, *meaning: tuple[str, int | None]) -> None:
        folders = frozenset(folder_of(path) for path, _ in meaning)
        self._pending.append(_Renaming(self._count, folders, meaning))
        _assign(self._now, meaning)

    def _note_folders(self, path: str) -> None:
        for folder in list(PurePosixPath(path).parents)[:-1]:
            if str(folder) not in self._safe_folders:
                self._new_folders.setdefault(str(folder), self._count)

    def _sync(self, file: _File, began: int) -> None:
        for number, change in file.pending:
            if number < began:
                _change(file.safe, change)
        file.pending = [(number, change) for number, change in file.pending if number >= began]

    def _sync_folder(self, folder: str, began: int) -> None:
        for renaming in self._pending:
            if folder in renaming.folders and renaming.number < began:
                _assign(self._safe, renaming.meaning)
        self._pending = [one for one in self._pending if folder not in one.folders or one.number >= began]
        for name, number in list(self._new_folders.items()):
            if folder_of(name) == folder and number < began:
                self._safe_folders.add(name)
                del self._new_folders[name]

    def after_power_loss(self, fate: Fate, random: Random) -> dict[str, bytes]:
        """Return path and content of every file of one tree that the model allows now."""
        names = dict(self._safe)
        for renaming in self._pending:
            if _NAME_STAYS[fate](random):
                _assign(names, renaming.meaning)
        gone = {folder for folder in self._new_folders if not _NAME_STAYS[fate](random)}
        return {
            path: _content(self._files[file], fate, random)
            for path, file in names.items()
            if gone.isdisjoint(map(str, PurePosixPath(path).parents))
        }


def _assign(names: dict[str, int], meaning: Iterable[tuple[str, int | None]]) -> None:
    for path, file in meaning:
        if file is None:
            names.pop(path, None)
        else:
            names[path] = file


def _change(content: bytearray, change: Content) -> None:
    size = change.size if isinstance(change, Resize) else change.offset + len(change.content)
    if size > len(content):
        content.extend(bytes(size - len(content)))
    if isinstance(change, Write):
        content[change.offset : size] = change.content
    else:
        del content[size:]


def _always(_random: Random) -> bool:
    return True


def _never(_random: Random) -> bool:
    return False


def _perhaps(random: Random) -> bool:
    return random.random() < 0.5


_NAME_STAYS: dict[Fate, Callable[[Random], bool]] = {
    Fate.LOST: _never,
    Fate.KEPT: _always,
    Fate.NAMES_ONLY: _always,
    Fate.CONTENT_ONLY: _never,
    Fate.SHUFFLED: _perhaps,
    Fate.TORN: _perhaps,
    Fate.GARBAGE: _perhaps,
}


def _content(file: _File, fate: Fate, random: Random) -> bytes:
    if not file.pending or fate in (Fate.LOST, Fate.NAMES_ONLY):
        return bytes(file.safe)
    content = bytearray(file.safe)
    for _, change in file.pending:
        if fate in (Fate.KEPT, Fate.CONTENT_ONLY):
            _change(content, change)
        elif fate is Fate.SHUFFLED:
            if _perhaps(random):
                _change(content, change)
        else:
            _tear(content, change, random, garbage=fate is Fate.GARBAGE)
    return bytes(content)


def _tear(content: bytearray, change: Content, random: Random, *, garbage: bool) -> None:
    """Let a change reach the disk in part: some sectors of a write arrive; one may arrive up to some byte."""
    if isinstance(change, Resize):
        if _perhaps(random):
            _change(content, change)
        return
    end = change.offset + len(change.content)
    if end > len(content) and _perhaps(random):
        filling = random.randbytes(end - len(content)) if garbage else bytes(end - len(content))
        content.extend(filling)
    start = change.offset
    while start < end:
        stop = min(end, (start // SECTOR + 1) * SECTOR)
        arrived = random.choice((0, stop - start, stop - start, random.randrange(stop - start + 1)))
        if arrived:
            part = change.content[start - change.offset : start - change.offset + arrived]
            _change(content, Write(change.file, start, part))
        start = stop
