"""Freeing a folder by its policy, on a real file system."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from steersman.model.entities import CauseKind, Entity, EntityKind
from steersman.model.errors import InvalidInput, NotFound, Permanent
from steersman.services.housekeeping.manifest import SERVICE

FREE_DISK = next(action for action in SERVICE.actions if action.name == "free_disk")
ORDERS = Entity(EntityKind.SERVICE, "orders")


def test_it_deletes_the_oldest_until_below_the_target(keep: Callable[..., Any]) -> None:
    """And nothing that the patterns do not name, and says what it did."""
    kept = keep(allow=["delete"], delete_after_seconds=10)
    for age in (20, 30, 40):
        kept.put(f"{age}.log", b"x" * 300, age)
    kept.put("orders.db", b"x" * 50, 1000)
    done = kept.apply("free_disk", target_share=0.7)
    assert kept.names() == ["20.log", "30.log", "orders.db"]
    assert (done.freed_bytes, done.used_bytes, done.target_bytes, done.enough) == (300, 650, 700, True)
    assert [(step.measure, step.file) for step in done.steps] == [("delete", "40.log")]


def test_the_preview_names_the_files_and_touches_none(keep: Callable[..., Any]) -> None:
    """With bytes; what it is given cannot act."""
    kept = keep(allow=["delete"], delete_after_seconds=10)
    kept.put("a.log", b"x" * 400, 20)
    kept.put("b.log", b"x" * 500)
    shown = kept.preview("free_disk", target_share=0.6)
    assert shown.changes["files"] == [{"do": "delete", "file": "a.log", "bytes": 400}]
    assert "freeing at most 400 bytes" in shown.summary
    assert kept.names() == ["a.log", "b.log"]


def test_a_repeat_after_a_kill_goes_on_to_the_same_target(keep: Callable[..., Any]) -> None:
    """The target is the one of before the effect, and what was freed counts from there."""
    kept = keep(allow=["delete"], delete_after_seconds=10)
    for age in (20, 30, 40):
        kept.put(f"{age}.log", b"x" * 300, age)
    prior = kept.inspect("free_disk", target_share=0.5)
    (kept.path / "40.log").unlink()  # this is how far the killed one came
    done = kept.apply("free_disk", prior, target_share=0.5)
    assert (kept.names(), done.freed_bytes, done.enough) == (["20.log"], 600, True)
    again = kept.apply("free_disk", prior, target_share=0.5)
    assert (again.freed_bytes, again.steps) == (600, [])


def test_a_live_log_is_emptied_while_its_writer_goes_on(keep: Callable[..., Any]) -> None:
    """The writer's next line is in the same file; the end of what was there is kept beside it."""
    kept = keep(quota_bytes=400_000, allow=["truncate"], rotate_bytes=100_000)
    with (kept.path / "live.log").open("ab", buffering=0) as writer:
        writer.write(b"x" * 399_000 + b"the last line\n")
        done = kept.apply("free_disk")
        writer.write(b"and on\n")
    assert (kept.path / "live.log").read_bytes() == b"and on\n"
    (beside,) = [name for name in kept.names() if name != "live.log"]
    assert (kept.path / beside).read_bytes().endswith(b"the last line\n")
    assert done.enough


def test_what_could_not_be_done_is_told(keep: Callable[..., Any]) -> None:
    """A policy that allows too little ends above the target and says so."""
    kept = keep(allow=["delete"], delete_after_seconds=100)
    kept.put("young.log", b"x" * 900, 10)
    done = kept.apply("free_disk")
    assert (done.enough, done.freed_bytes, done.used_bytes) == (False, 0, 900)


def test_only_what_would_help_is_proposed(keep: Callable[..., Any]) -> None:
    """To the owner, its processes and this machine; nothing while there is nothing to free."""
    kept = keep(allow=["delete"], delete_after_seconds=10, keep_newest=0)

    def proposed(entity: Entity) -> list[str]:
        assert FREE_DISK.propose is not None
        return [args.path for args in FREE_DISK.propose(kept.context, entity, CauseKind.DISK_FULL)]

    assert proposed(ORDERS) == []
    kept.put("a.log", b"x" * 900, 20)
    assert proposed(ORDERS) == [str(kept.path)]
    assert proposed(Entity(EntityKind.PROCESS, "orders/0")) == [str(kept.path)]
    assert proposed(Entity(EntityKind.SERVICE, "payments")) == []
    assert FREE_DISK.target(kept.args("free_disk")) == ORDERS


def test_a_link_out_is_neither_counted_nor_followed(keep: Callable[..., Any], tmp_path: Path) -> None:
    """A linked file, a linked folder, a pipe, and a folder that became a link."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious.log").write_bytes(b"x" * 5000)
    kept = keep(allow=["delete", "truncate"], delete_after_seconds=0, keep_newest=0)
    (kept.path / "linked").symlink_to(outside)
    (kept.path / "file.log").symlink_to(outside / "precious.log")
    subprocess.run(["mkfifo", kept.path / "pipe.log"], check=True)
    kept.put("mine.log", b"x" * 900)
    done = kept.apply("free_disk", target_share=0.1)
    assert done.freed_bytes == 900
    assert (outside / "precious.log").stat().st_size == 5000
    for name in ("linked/precious.log", "file.log", "../outside/precious.log", "pipe.log"):
        with pytest.raises((InvalidInput, Permanent)):
            kept.apply("delete", file=name)
    assert (outside / "precious.log").exists()


def test_a_declared_folder_that_became_a_link_is_refused(keep: Callable[..., Any], tmp_path: Path) -> None:
    """Where it led when the platform started is where it has to lead."""
    kept = keep(allow=["delete"], delete_after_seconds=0)
    kept.path.rename(tmp_path / "elsewhere")
    kept.path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Permanent, match="is a link"):
        kept.apply("free_disk")


def test_a_folder_that_vanished_is_nothing_to_do(keep: Callable[..., Any]) -> None:
    """With its name as evidence."""
    kept = keep(allow=["delete"], delete_after_seconds=0)
    kept.path.rmdir()
    with pytest.raises(NotFound, match="does not exist"):
        kept.inspect("free_disk")


@pytest.mark.needs("mounts")
def test_on_a_disk_without_a_byte_left_it_deletes(keep: Callable[..., Any], tmp_path: Path) -> None:
    """What needs room for a copy is told as skipped; the deletions that follow make room. Other disks are left alone."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", disk], check=True)
    try:
        kept = keep(
            path=disk / "orders",
            quota_bytes=10**9,
            allow=["compress", "delete"],
            compress_after_seconds=5,
            delete_after_seconds=50,
        )
        kept.put("old.log", b"x" * 700_000, 100)
        kept.put("older.log", b"x" * 700_000, 200)
        kept.put("middle.log", b"x" * 300_000, 10)
        with pytest.raises(OSError, match="No space left"):
            (disk / "filler").write_bytes(b"x" * 2_000_000)
        done = kept.apply("free_disk")
        assert [(step.measure, step.file, bool(step.skipped)) for step in done.steps] == [
            ("compress", "middle.log", True),
            ("delete", "older.log", False),
        ]
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.needs("mounts")
def test_another_file_system_below_the_folder_is_not_its_business(keep: Callable[..., Any]) -> None:
    """It has its own room; nothing on it is counted or deleted."""
    kept = keep(allow=["delete"], delete_after_seconds=0, keep_newest=0)
    (kept.path / "mounted").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", kept.path / "mounted"], check=True)
    try:
        kept.put("mounted/a.log", b"x" * 900)
        assert kept.inspect("free_disk")["used_bytes"] == 0
        with pytest.raises(InvalidInput, match="another file system"):
            kept.apply("delete", file="mounted/a.log")
    finally:
        subprocess.run(["umount", kept.path / "mounted"], check=True)
