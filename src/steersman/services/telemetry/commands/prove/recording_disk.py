"""The store's disk port with a memory: it does what the real disk does and notes each operation for `disk_model`.

A write is noted before it is done and a sync after it returned, with the moment it began: whatever another thread
wrote in between is not taken for safe.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import count
from pathlib import Path

from steersman.runtime.telemetry.disk import AppendFile, Buffer, Disk
from steersman.services.telemetry.commands.prove.disk_model import (
    Acknowledge,
    Create,
    MakeFolder,
    Operation,
    Remove,
    Rename,
    Resize,
    Sync,
    SyncFolder,
    Write,
)


class RecordingDisk:
    """Wraps `real`, whose files all lie below `root`; `operations` is what happened, in order."""

    def __init__(self, real: Disk, root: Path) -> None:
        self._real = real
        self._root = root
        self._lock = threading.Lock()
        self._numbers = count(1)
        paths = [path for path in sorted(root.rglob("*")) if path.is_file()]
        #: What was there before: path, then the file's number and content.
        self.files = {self._name(path): (next(self._numbers), path.read_bytes()) for path in paths}
        self.folders = [self._name(path) for path in sorted(root.rglob("*")) if path.is_dir()]
        self._files = {name: number for name, (number, _) in self.files.items()}
        self.operations: list[Operation] = []

    def note(self, operation: Operation) -> None:
        with self._lock:
            self.operations.append(operation)

    def acknowledge(self, request: int) -> None:
        """Note that the store answered for a request."""
        self.note(Acknowledge(request))

    def began(self) -> int:
        """The number of operations so far: what a sync that begins now will cover."""
        with self._lock:
            return len(self.operations)

    def open_append(self, path: Path, *, reserve: int = 0) -> AppendFile:
        file = self._file(path)
        real = self._real.open_append(path, reserve=reserve)
        if reserve:
            self.note(Resize(file, max(reserve, path.stat().st_size)))
        return _RecordingAppend(self, real, file)

    def write_file(self, path: Path, buffers: Sequence[Buffer]) -> None:
        file = self._file(path)
        self.note(Resize(file, 0))
        content = b"".join(bytes(buffer) for buffer in buffers)
        self.note(Write(file, 0, content))
        began = self.began()
        self._real.write_file(path, [content])
        self.note(Sync(file, began))

    def replace(self, source: Path, target: Path) -> None:
        with self._lock:
            self.operations.append(Rename(self._name(source), self._name(target)))
            self._files[self._name(target)] = self._files.pop(self._name(source))
        self._real.replace(source, target)

    def remove(self, path: Path) -> None:
        with self._lock:
            self.operations.append(Remove(self._name(path)))
            self._files.pop(self._name(path), None)
        self._real.remove(path)

    def sync_folder(self, path: Path) -> None:
        # Folders are made without this port; that they were made before this sync is all that matters.
        for made in sorted(one for one in path.iterdir() if one.is_dir()):
            if self._name(made) not in self.folders:
                self.note(MakeFolder(self._name(made)))
        began = self.began()
        self._real.sync_folder(path)
        self.note(SyncFolder(self._name(path), began))

    def _name(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()

    def _file(self, path: Path) -> int:
        """The number of the file that has this name; a new name is a new file."""
        name = self._name(path)
        with self._lock:
            if name not in self._files:
                self._files[name] = next(self._numbers)
                self.operations.append(Create(self._files[name], name))
            return self._files[name]


class _RecordingAppend:
    def __init__(self, disk: RecordingDisk, real: AppendFile, file: int) -> None:
        self._disk = disk
        self._real = real
        self._file = file

    @property
    def size(self) -> int:
        return self._real.size

    @size.setter
    def size(self, size: int) -> None:
        self._real.size = size

    def append(self, buffers: Sequence[Buffer]) -> None:
        content = b"".join(bytes(buffer) for buffer in buffers)
        self._disk.note(Write(self._file, self._real.size, content))
        self._real.append([content])

    def sync(self) -> None:
        began = self._disk.began()
        self._real.sync()
        self._disk.note(Sync(self._file, began))

    def truncate(self, size: int) -> None:
        self._disk.note(Resize(self._file, size))
        self._real.truncate(size)

    def close(self) -> None:
        self._real.close()
