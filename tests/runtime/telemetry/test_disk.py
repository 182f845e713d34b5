"""The real disk, when it has no room."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from steersman.runtime.telemetry.disk import LocalDisk

_ROOM = 1 << 16


@pytest.fixture
def little_room() -> Iterator[None]:
    """No file may grow beyond the room, which the kernel says in the middle of a write, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (_ROOM, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("little_room")
def test_a_file_that_cannot_be_written_whole_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="File too large"):
        LocalDisk().write_file(tmp_path / "block", [b"x" * _ROOM, b"y"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("little_room")
def test_a_reservation_that_cannot_be_had_takes_no_room_and_keeps_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"kept")
    with pytest.raises(OSError, match="File too large"):
        LocalDisk().open_append(path, reserve=2 * _ROOM)
    assert path.read_bytes() == b"kept"
