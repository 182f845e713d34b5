"""A log file is read on where reading stopped, and made small again under a child that goes on writing."""

from __future__ import annotations

from pathlib import Path

from steersman.services.workloads.store.logfile import LogFile


def test_reading_goes_on_where_it_stopped(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    with path.open("ab", buffering=0) as child:
        child.write(b"one\ntwo\nthr")
        assert LogFile(path).read().lines == (b"one", b"two")
        child.write(b"ee\n")
        assert LogFile(path).read().lines == (b"three",)


def test_a_file_that_is_too_large_is_emptied_under_the_child_that_appends_to_it(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    with path.open("ab", buffering=0) as child:
        child.write(b"x" * 98 + b"\n")
        file = LogFile(path)
        assert not file.rotate(50)  # nobody has read it yet
        file.read()
        assert file.rotate(50)
        child.write(b"after\n")
        assert file.read().lines == (b"after",)
    assert path.read_bytes() == b"after\n"
    assert (tmp_path / "0.log.1").read_bytes() == b"x" * 98 + b"\n"


def test_a_file_that_nobody_can_read_fast_enough_is_emptied_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    path.write_bytes(b"x" * 200)
    assert LogFile(path).rotate(100)
    assert path.stat().st_size == 0


def test_what_comes_faster_than_it_can_be_read_is_skipped_and_told(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    path.write_bytes((b"x" * 99 + b"\n") * 60_000)
    read = LogFile(path).read()
    assert read.skipped == 6_000_000 - (4 << 20)
    assert 10_000 < len(read.lines) < 11_000
