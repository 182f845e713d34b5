"""Rotate, compress, delete, truncate and quarantine, with a kill between the effect and its record."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from typing import Any

import pytest

from steersman.model.errors import Conflict, Forbidden, NotFound

EVERYTHING = {
    "allow": ["rotate", "compress", "delete", "truncate", "quarantine"],
    "rotate_bytes": 10,
    "compress_after_seconds": 0,
    "delete_after_seconds": 0,
}


@pytest.mark.parametrize("action", ["rotate", "compress", "delete", "truncate", "quarantine"])
def test_a_repeat_after_a_kill_has_no_second_effect(keep: Callable[..., Any], action: str) -> None:
    """Also where the writer has begun a new file under the name meanwhile."""
    kept = keep(**EVERYTHING)
    kept.put("a.log", b"x" * 500)
    prior = kept.inspect(action, file="a.log")
    first = kept.apply(action, prior, file="a.log")
    assert kept.apply(action, prior, file="a.log") == first
    if action == "truncate":
        kept.put("a.log", b"y" * 900)
        assert kept.apply(action, prior, file="a.log").now == first.now
        assert (kept.path / "a.log").read_bytes() == b"y" * 900
    else:
        kept.put("new", b"a new file")
        (kept.path / "new").rename(kept.path / "a.log")
        assert kept.apply(action, prior, file="a.log") == first
        assert (kept.path / "a.log").read_bytes() == b"a new file"


@pytest.mark.parametrize("action", ["rotate", "quarantine", "compress"])
def test_it_can_be_taken_back(keep: Callable[..., Any], action: str) -> None:
    """Content, times and mode are as they were."""
    kept = keep(**EVERYTHING)
    file = kept.put("deep/a.log", b"line\n" * 100, age=77)
    file.chmod(0o640)
    before = (file.stat().st_mtime_ns, file.stat().st_mode, file.read_bytes())
    result = kept.apply(action, file="deep/a.log")
    assert not file.exists()
    assert result.now in kept.names()
    kept.undo(action, result, file="deep/a.log")
    assert (file.stat().st_mtime_ns, file.stat().st_mode, file.read_bytes()) == before
    assert kept.names() == ["deep/a.log"]
    kept.undo(action, result, file="deep/a.log")
    assert file.exists()


def test_taking_back_never_overwrites_what_is_new(keep: Callable[..., Any]) -> None:
    """Both files stay."""
    kept = keep(**EVERYTHING)
    kept.put("a.log", b"old")
    result = kept.apply("rotate", file="a.log")
    kept.put("a.log", b"new")
    with pytest.raises(Conflict):
        kept.undo("rotate", result, file="a.log")
    assert len(kept.names()) == 2


def test_quarantine_frees_nothing(keep: Callable[..., Any]) -> None:
    """The bytes count on, and housekeeping has no further business with the file."""
    kept = keep(**EVERYTHING)
    kept.put("a.log", b"x" * 900)
    assert kept.apply("quarantine", file="a.log").freed_bytes == 0
    assert kept.names() == [".quarantine/a.log"]
    done = kept.apply("free_disk")
    assert (done.used_bytes, done.steps, done.enough) == (900, [], False)


def test_a_kill_between_the_copy_and_the_removal_leaves_one_of_both_to_finish_with(keep: Callable[..., Any]) -> None:
    """The complete copy is recognised by time and size, and is not made again."""
    kept = keep(**EVERYTHING)
    file = kept.put("a.log", b"line\n" * 100)
    prior = kept.inspect("compress", file="a.log")
    copy = kept.path / "a.log.gz"
    copy.write_bytes(gzip.compress(file.read_bytes()))
    os.utime(copy, ns=(file.stat().st_mtime_ns, file.stat().st_mtime_ns))
    inode = copy.stat().st_ino
    kept.apply("compress", prior, file="a.log")
    assert (kept.names(), copy.stat().st_ino) == (["a.log.gz"], inode)


def test_another_file_under_the_copys_name_is_left_alone(keep: Callable[..., Any]) -> None:
    """And so is the original."""
    kept = keep(**EVERYTHING)
    kept.put("a.log", b"line\n")
    kept.put("a.log.gz", gzip.compress(b"something else"))
    with pytest.raises(Conflict):
        kept.apply("compress", file="a.log")
    assert kept.names() == ["a.log", "a.log.gz"]


def test_a_half_copy_of_a_killed_run_is_made_anew(keep: Callable[..., Any]) -> None:
    """It has a name of its own until it is complete."""
    kept = keep(**EVERYTHING)
    kept.put("a.log", b"line\n" * 100)
    kept.put("a.log.steersman-partial", b"half")
    kept.apply("compress", file="a.log")
    assert kept.names() == ["a.log.gz"]
    assert gzip.decompress((kept.path / "a.log.gz").read_bytes()) == b"line\n" * 100


def test_what_the_policy_does_not_allow_is_not_done(keep: Callable[..., Any]) -> None:
    """Neither another measure nor another file."""
    kept = keep(allow=["rotate"], rotate_bytes=10)
    kept.put("a.log", b"x")
    kept.put("orders.db", b"x")
    for action, file in (("delete", "a.log"), ("rotate", "orders.db")):
        with pytest.raises(Forbidden):
            kept.inspect(action, file=file)
        with pytest.raises(Forbidden):
            kept.apply(action, {}, file=file)
    assert kept.names() == ["a.log", "orders.db"]


def test_a_vanished_file_is_nothing_to_do(keep: Callable[..., Any]) -> None:
    """The message says which."""
    kept = keep(**EVERYTHING)
    with pytest.raises(NotFound, match=r"no file gone\.log"):
        kept.inspect("delete", file="gone.log")
