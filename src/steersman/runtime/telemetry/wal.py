"""The write-ahead log: raw requests, synced in groups before anybody is told that they are safe.

One file at a time grows; a full one is followed by the next. A record is a header and a body, and the header
carries a hash of both, so the end of the log is where the hashes end. Only the end of the newest file may be
torn: a file is followed by another only after all of it was synced.
"""

from __future__ import annotations

import contextlib
import itertools
import struct
import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

import xxhash

from steersman.model.errors import Permanent, Temporary
from steersman.model.ids import Tenant
from steersman.model.telemetry import WireFormat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from steersman.runtime.telemetry.disk import AppendFile, Disk

#: hash of all that follows, body length, sequence number, time of receipt (ns), format, length of the tenant's name
_HEADER = struct.Struct("<QIQqHH")
_HASHED_FROM, _SEQ_AT = 8, 12
_SUFFIX, _SET_ASIDE = ".wal", ".damaged"


@dataclass(frozen=True, slots=True)
class Record:
    """One request as it came in. `seq` counts the records from 1 without a gap."""

    seq: int
    received_ns: int
    format: WireFormat
    tenant: Tenant
    body: bytes

    def frame(self) -> tuple[bytes, bytes]:
        """Return header and body as they stand in the file."""
        tenant = self.tenant.encode()
        rest = _HEADER.pack(0, len(self.body), self.seq, self.received_ns, self.format, len(tenant)) + tenant
        digest = xxhash.xxh3_64(rest[_HASHED_FROM:])
        digest.update(self.body)
        return digest.intdigest().to_bytes(8, "little") + rest[_HASHED_FROM:], self.body


@dataclass(frozen=True, slots=True)
class Segment:
    """What a read of one log file found: its records end at byte `end`; `torn` when something else follows."""

    path: Path
    records: list[Record]
    end: int
    torn: bool


def read_segment(path: Path) -> Segment:
    """Read a log file up to the first byte that is not a whole record."""
    content = memoryview(path.read_bytes())
    records: list[Record] = []
    at = 0
    while at + _HEADER.size <= len(content):
        digest, size, seq, received, kind, named = _HEADER.unpack_from(content, at)
        end = at + _HEADER.size + named + size
        if size == seq == 0 or end > len(content):
            break
        if xxhash.xxh3_64_intdigest(content[at + _HASHED_FROM : end]) != digest:
            break
        body_at = at + _HEADER.size + named
        tenant = Tenant(bytes(content[at + _HEADER.size : body_at]).decode())
        records.append(Record(seq, received, WireFormat(kind), tenant, bytes(content[body_at:end])))
        at = end
    return Segment(path, records, at, torn=bool(bytes(content[at:]).strip(b"\0")))


def segments(folder: Path) -> list[Path]:
    """Return the log files in order."""
    return sorted(folder.glob(f"*{_SUFFIX}"))


def replay(paths: list[Path], after: int) -> Iterator[Record]:
    """Yield the records with `seq > after` of some log files. Raises `Permanent` when one of them is missing."""
    expected = after + 1
    for path, following in itertools.zip_longest(paths, paths[1:]):
        if following is not None and int(following.stem) <= after + 1:
            # Dropped already; a loss of power may have brought it back, and not the files beside it.
            continue
        segment = read_segment(path)
        for record in (one for one in segment.records if one.seq > after):
            if record.seq != expected:
                raise Permanent(f"the log lacks record {expected}: {path.name} goes on with {record.seq}. {_ADVICE}")
            expected += 1
            yield record
        if segment.torn and following is not None:
            raise Permanent(f"the log file {path.name} is damaged at byte {segment.end}. {_ADVICE}")


_ADVICE = "Run `steersman check --store` to see what is affected, and restore the data directory from a backup"


class Log:
    """Appends records from one thread and syncs them in groups on another.

    `append` returns at once; `on_synced(seq)` is called from the log's thread when every record up to `seq` is
    durable, `on_failed(seqs, error)` when a group could not be written: its records are gone from the file, and
    their numbers are given to the records that come next.
    """

    def __init__(
        self,
        folder: Path,
        disk: Disk,
        *,
        next_seq: int,
        segment_bytes: int,
        on_synced: Callable[[int], None],
        on_failed: Callable[[list[int], Temporary], None],
    ) -> None:
        self._folder, self._disk, self._segment_bytes = folder, disk, segment_bytes
        self._on_synced, self._on_failed = on_synced, on_failed
        self._next_seq = next_seq
        self._waiting: deque[Record] = deque()
        self._wake = threading.Condition()
        self._stopping = False
        self._file: AppendFile | None = None
        self._to_cut: tuple[Path, int] | None = None
        self._leaving: list[Future[int]] = []
        self._last_seq = next_seq - 1
        self.syncs = 0
        self._thread = threading.Thread(target=self._run, name="steersman-log", daemon=True)
        self._thread.start()

    @property
    def size(self) -> int:
        """Bytes that the log takes on the disk now."""
        total = 0
        for path in segments(self._folder):
            with contextlib.suppress(FileNotFoundError):
                total += path.stat().st_size
        return total

    def append(self, received_ns: int, kind: WireFormat, tenant: Tenant, body: bytes) -> int:
        """Queue a record and return its sequence number. Raises `Temporary` once the log is closed."""
        with self._wake:
            if self._stopping:
                raise Temporary("the store is stopping")
            seq = self._next_seq
            self._next_seq += 1
            self._waiting.append(Record(seq, received_ns, kind, tenant, body))
            self._wake.notify()
        return seq

    def leave_file(self) -> Future[int]:
        """Let the next record begin a new file; tells the number of the last record in those before it.

        Raises `Temporary` once the log is closed. What the disk refuses is told by the future.
        """
        told: Future[int] = Future()
        with self._wake:
            if self._stopping:
                raise Temporary("the store is stopping")
            self._leaving.append(told)
            self._wake.notify()
        return told

    def close(self) -> None:
        """Write what is queued and stop."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._thread.join()
        if self._file is not None:
            self._file.close()
            self._file = None

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._waiting and not self._stopping and not self._leaving:
                    self._wake.wait()
                group = list(self._waiting)
                self._waiting.clear()
                leaving, self._leaving = self._leaving, []
            if leaving:
                self._leave(leaving)
            if not group:
                if leaving:
                    continue
                return
            try:
                self._write(group)
            except OSError as error:
                self._give_up(group, error)
            else:
                self._on_synced(group[-1].seq)

    def _leave(self, leaving: list[Future[int]]) -> None:
        try:
            self._cut_off()
            if self._file is not None:
                file, self._file = self._file, None
                file.close()
        except OSError as error:
            for told in leaving:
                told.set_exception(error)
        else:
            for told in leaving:
                told.set_result(self._last_seq)

    def _write(self, group: list[Record]) -> None:
        buffers = [part for record in group for part in record.frame()]
        size = sum(map(len, buffers))
        file = self._open(group[0].seq, size)
        file.append(buffers)
        file.sync()
        self._last_seq = group[-1].seq
        self.syncs += 1

    def _open(self, seq: int, size: int) -> AppendFile:
        self._cut_off()
        if self._file is not None and self._file.size + size > self._segment_bytes:
            self._file.close()
            self._file = None
        if self._file is None:
            path = self._folder / f"{seq:016d}{_SUFFIX}"
            file = self._disk.open_append(path, reserve=max(self._segment_bytes, size))
            file.size = 0
            self._file = file
            self._disk.sync_folder(self._folder)
        return self._file

    def _give_up(self, group: list[Record], error: OSError) -> None:
        """Forget a group. The file is cut off before it: after a failed sync nobody knows what is on the disk."""
        reason = Temporary(f"the log cannot be written: {error.strerror or error}", retry_after=5.0)
        with self._wake:
            group.extend(self._waiting)
            self._waiting.clear()
            self._next_seq = group[0].seq
        self._abandon_file(group[0].seq)
        self._on_failed([record.seq for record in group], reason)

    def _abandon_file(self, seq: int) -> None:
        if self._file is None:
            return
        file, self._file = self._file, None
        self._to_cut = segments(self._folder)[-1], seq
        # What the disk refuses here is tried again before anything else is written.
        with contextlib.suppress(OSError):
            file.close()
        with contextlib.suppress(OSError):
            self._cut_off()

    def _cut_off(self) -> None:
        """Take the records of a failed group out of the log: until that is done, no other record may follow."""
        if self._to_cut is None:
            return
        path, seq = self._to_cut
        cut(self._disk, path, read_segment_before(path, seq))
        self._to_cut = None

    def drop_through(self, seq: int) -> None:
        """Delete the files all of whose records are `<= seq`. The newest file stays."""
        paths = segments(self._folder)
        for path, following in itertools.pairwise(paths):
            if int(following.stem) <= seq + 1:
                self._disk.remove(path)

    def drop_left(self, seq: int) -> None:
        """Delete every file that was left by `leave_file`, which told `seq`; all of that has to be elsewhere by now."""
        for path in segments(self._folder):
            if int(path.stem) <= seq:
                self._disk.remove(path)
        self._disk.sync_folder(self._folder)


def repair(folder: Path, disk: Disk) -> int:
    """Cut a torn end off the newest file and return the last record's number, 0 when there is none.

    An end with whole records behind the tear is kept beside it: after a power cut they were acknowledged to nobody,
    but a disk that damages what it holds leaves the same picture.
    """
    last = 0
    for path in reversed(segments(folder)):
        segment = read_segment(path)
        if segment.torn or not segment.records:
            _keep_records_behind(segment, disk)
            cut(disk, path, segment.end)
        if segment.records:
            last = segment.records[-1].seq
            break
    return last


def set_aside(folder: Path) -> list[Path]:
    """Return the files that a repair kept for a person to look at."""
    return sorted(folder.glob(f"*{_SET_ASIDE}"))


def _keep_records_behind(segment: Segment, disk: Disk) -> None:
    content = segment.path.read_bytes()
    following = segment.records[-1].seq + 2 if segment.records else int(segment.path.stem) + 1
    mark = following.to_bytes(8, "little")
    found = content.find(mark, segment.end)
    while found >= 0:
        if _is_record(content, found - _SEQ_AT):
            disk.write_file(segment.path.with_suffix(_SET_ASIDE), [content])
            disk.sync_folder(segment.path.parent)
            return
        found = content.find(mark, found + 1)


def _is_record(content: bytes, at: int) -> bool:
    if at < 0 or at + _HEADER.size > len(content):
        return False
    digest, size, _, _, _, named = _HEADER.unpack_from(content, at)
    end = at + _HEADER.size + named + size
    return bool(end <= len(content) and xxhash.xxh3_64_intdigest(content[at + _HASHED_FROM : end]) == digest)


def read_segment_before(path: Path, seq: int) -> int:
    """Return the byte where the records below `seq` end."""
    end = 0
    for record in read_segment(path).records:
        if record.seq >= seq:
            break
        header, body = record.frame()
        end += len(header) + len(body)
    return end


def cut(disk: Disk, path: Path, size: int) -> None:
    """Make a log file end at `size`; an empty one is removed."""
    if size == 0:
        disk.remove(path)
        return
    file = disk.open_append(path)
    try:
        file.truncate(size)
        file.sync()
    finally:
        file.close()
