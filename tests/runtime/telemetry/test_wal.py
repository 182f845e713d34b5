"""The write-ahead log under torn ends, damage and a disk that refuses."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.model.errors import Permanent, Temporary
from steersman.model.ids import DEFAULT_TENANT
from steersman.model.telemetry import WireFormat
from steersman.runtime.telemetry import wal
from steersman.runtime.telemetry.disk import AppendFile, Buffer, LocalDisk

KIND = WireFormat.REMOTE_WRITE_1


class _FailingFile:
    def __init__(self, file: AppendFile, fail: Callable[[str], None]) -> None:
        self._file, self._fail = file, fail

    @property
    def size(self) -> int:
        return self._file.size

    @size.setter
    def size(self, value: int) -> None:
        self._file.size = value

    def append(self, buffers: Sequence[Buffer]) -> None:
        whole = b"".join(map(bytes, buffers))
        try:
            self._fail("append")
        except OSError:
            self._file.append([whole[: len(whole) // 2]])
            raise
        self._file.append([whole])

    def sync(self) -> None:
        self._fail("sync")
        self._file.sync()

    def truncate(self, size: int) -> None:
        self._fail("truncate")
        self._file.truncate(size)

    def close(self) -> None:
        self._file.close()


class FailingDisk(LocalDisk):
    """A real folder that refuses the steps in `broken` with an errno."""

    def __init__(self) -> None:
        self.broken: dict[str, int] = {}

    def fail(self, step: str) -> None:
        if step in self.broken:
            raise OSError(self.broken[step], os.strerror(self.broken[step]))

    def open_append(self, path: Path, *, reserve: int = 0) -> AppendFile:
        self.fail("open")
        return _FailingFile(super().open_append(path, reserve=reserve), self.fail)

    def remove(self, path: Path) -> None:
        self.fail("remove")
        super().remove(path)

    def sync_folder(self, path: Path) -> None:
        self.fail("sync_folder")
        super().sync_folder(path)


class Writer:
    """A log and what it told: which records are safe and which were given up."""

    def __init__(self, folder: Path, disk: LocalDisk, *, next_seq: int = 1, segment_bytes: int = 1 << 16) -> None:
        self._changed = threading.Condition()
        self.synced, self.failed, self.errors = 0, list[int](), list[Temporary]()
        self.log = wal.Log(
            folder,
            disk,
            next_seq=next_seq,
            segment_bytes=segment_bytes,
            on_synced=self._on_synced,
            on_failed=self._on_failed,
        )

    def _on_synced(self, seq: int) -> None:
        with self._changed:
            self.synced = seq
            self._changed.notify()

    def _on_failed(self, seqs: list[int], error: Temporary) -> None:
        with self._changed:
            self.failed += seqs
            self.errors.append(error)
            self._changed.notify()

    def write(self, body: bytes) -> int:
        """Append a record, wait for its fate, and return its number, negative when it was given up."""
        with self._changed:
            failures = len(self.failed)
            seq = self.log.append(1, KIND, DEFAULT_TENANT, body)
            told = self._changed.wait_for(lambda: self.synced >= seq or len(self.failed) > failures, timeout=20)
        assert told, "nobody was told what became of the record"
        return -seq if len(self.failed) > failures else seq


@contextmanager
def writing(folder: Path, disk: LocalDisk | None = None, **options: int) -> Iterator[Writer]:
    writer = Writer(folder, disk or LocalDisk(), **options)
    try:
        yield writer
    finally:
        writer.log.close()


def bodies(folder: Path, after: int = 0) -> list[tuple[int, bytes]]:
    return [(record.seq, record.body) for record in wal.replay(wal.segments(folder), after)]


def filled(folder: Path, count: int, **options: int) -> list[tuple[int, bytes]]:
    """Write some records of rising length and return them."""
    records = [(number, b"%d:" % number + b"x" * number) for number in range(1, count + 1)]
    with writing(folder, **options) as writer:
        for seq, body in records:
            assert writer.write(body) == seq
    return records


@given(
    st.lists(
        st.tuples(
            st.integers(-(2**63), 2**63 - 1), st.sampled_from(WireFormat), st.text("äb/", max_size=3), st.binary()
        ),
        max_size=8,
    )
)
def test_what_was_written_is_read_back(records: list[tuple[int, WireFormat, str, bytes]]) -> None:
    expected = [wal.Record(seq, *rest) for seq, rest in enumerate(records, 1)]
    framed = b"".join(part for record in expected for part in record.frame())

    class InMemory:
        def read_bytes(self) -> bytes:
            return framed + bytes(100)

    segment = wal.read_segment(InMemory())
    assert (segment.records, segment.end, segment.torn) == (expected, len(framed), False)


def test_an_end_torn_at_any_byte_loses_only_the_records_that_are_not_whole(tmp_path: Path) -> None:
    filled(tmp_path, 4)
    [path] = wal.segments(tmp_path)
    records = wal.read_segment(path).records
    whole = b"".join(part for record in records for part in record.frame())
    ends = [sum(len(part) for record in records[:n] for part in record.frame()) for n in range(5)]
    for end in range(len(whole)):
        for tail in (b"", bytes(50), b"\xff" * 50):
            path.write_bytes(whole[:end] + tail)
            kept = sum(1 for one in ends[1:] if one <= end)
            assert wal.repair(tmp_path, LocalDisk()) == kept
            assert [seq for seq, _ in bodies(tmp_path)] == list(range(1, kept + 1))
            assert path.exists() == (kept > 0)
            path.touch()


@pytest.mark.parametrize("tail", [b"", bytes(10_000), b"\x01", b"garbage" * 1000, b"\xff" * 24])
def test_writing_goes_on_behind_a_repaired_end(tail: bytes, tmp_path: Path) -> None:
    records = filled(tmp_path, 3)
    [path] = wal.segments(tmp_path)
    path.write_bytes(path.read_bytes()[: wal.read_segment(path).end] + tail)
    last = wal.repair(tmp_path, LocalDisk())
    with writing(tmp_path, next_seq=last + 1) as writer:
        assert writer.write(b"after") == 4
    assert bodies(tmp_path) == [*records, (4, b"after")]


def test_a_missing_file_in_the_middle_is_named_with_what_to_do(tmp_path: Path) -> None:
    filled(tmp_path, 30, segment_bytes=200)
    paths = wal.segments(tmp_path)
    assert len(paths) > 4
    paths[2].unlink()
    with pytest.raises(Permanent, match=f"lacks record {int(paths[2].stem)}.*steersman check --store.*backup"):
        bodies(tmp_path)


def test_a_damaged_file_in_the_middle_is_named_with_what_to_do(tmp_path: Path) -> None:
    filled(tmp_path, 30, segment_bytes=200)
    path = wal.segments(tmp_path)[2]
    content = bytearray(path.read_bytes())
    content[40] ^= 1
    path.write_bytes(content)
    with pytest.raises(Permanent, match=f"{path.name}.*steersman check --store.*backup"):
        bodies(tmp_path)


def test_dropping_keeps_every_record_above_and_the_newest_file(tmp_path: Path) -> None:
    records = filled(tmp_path, 30, segment_bytes=200)
    with writing(tmp_path, next_seq=31, segment_bytes=200) as writer:
        for seq in range(31):
            writer.log.drop_through(seq)
            assert bodies(tmp_path, seq) == records[seq:]
            assert writer.log.size == sum(path.stat().st_size for path in wal.segments(tmp_path))
        assert len(wal.segments(tmp_path)) == 1


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("step", ["append", "sync", "open", "sync_folder"])
@pytest.mark.parametrize("before", [0, 3], ids=["a new file", "a file in use"])
def test_a_refused_group_is_told_and_the_next_one_takes_its_place(
    step: str, number: int, before: int, tmp_path: Path
) -> None:
    """A restart sees what was acknowledged, and nothing else."""
    disk = FailingDisk()
    with writing(tmp_path, disk, segment_bytes=1000) as writer:
        acknowledged = [(writer.write(body), body) for body in [b"before"] * before]
        disk.broken[step] = number
        refused = b"refused" * (200 if step in {"open", "sync_folder"} else 1)
        assert [writer.write(refused) for _ in range(3)] == [-1 - before] * 3
        assert all(error.retry_after > 0 and os.strerror(number) in error.message for error in writer.errors)
        assert bodies(tmp_path) == acknowledged
        disk.broken.clear()
        acknowledged += [(writer.write(body), body) for body in (b"after", b"and more")]
        assert writer.log.size == sum(path.stat().st_size for path in wal.segments(tmp_path))
    assert [seq for seq, _ in acknowledged] == list(range(1, before + 3))
    assert wal.repair(tmp_path, LocalDisk()) == before + 2
    assert bodies(tmp_path) == acknowledged


@pytest.mark.parametrize("also", ["truncate", "open", "remove"])
@pytest.mark.parametrize("before", [0, 3])
def test_a_disk_that_refuses_the_clean_up_as_well_still_recovers(also: str, before: int, tmp_path: Path) -> None:
    disk = FailingDisk()
    with writing(tmp_path, disk) as writer:
        acknowledged = [(writer.write(body), body) for body in [b"before"] * before]
        disk.broken = {"sync": errno.EIO, also: errno.EIO}
        assert [writer.write(b"refused") for _ in range(3)] == [-1 - before] * 3
        disk.broken.clear()
        acknowledged += [(writer.write(body), body) for body in (b"after", b"and more")]
    assert [seq for seq, _ in acknowledged] == list(range(1, before + 3))
    assert wal.repair(tmp_path, LocalDisk()) == before + 2
    assert bodies(tmp_path) == acknowledged


def test_a_closed_log_refuses_at_once(tmp_path: Path) -> None:
    writer = Writer(tmp_path, LocalDisk())
    assert writer.write(b"in time") == 1
    writer.log.close()
    with pytest.raises(Temporary, match="stopping"):
        writer.log.append(1, KIND, DEFAULT_TENANT, b"too late")


def test_a_record_larger_than_a_file_gets_a_file_of_its_own(tmp_path: Path) -> None:
    with writing(tmp_path, segment_bytes=100) as writer:
        expected = [(writer.write(body), body) for body in (b"small", b"large" * 1000, b"small")]
    assert bodies(tmp_path) == expected


def test_records_behind_a_damage_in_the_newest_file_are_kept_for_a_person(tmp_path: Path) -> None:
    """A start goes on, as after a power cut, and nothing is thrown away in silence."""
    records = filled(tmp_path, 9)
    [path] = wal.segments(tmp_path)
    content = bytearray(path.read_bytes())
    content[content.index(records[4][1])] ^= 1
    path.write_bytes(content)
    assert wal.repair(tmp_path, LocalDisk()) == 4
    assert bodies(tmp_path) == records[:4]
    [aside] = wal.set_aside(tmp_path)
    assert aside.read_bytes() == bytes(content)
