"""Another root key takes over as a whole, whenever it is killed, and the one before opens nothing any more."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.runtime.keys.cut import cut

from steersman.model.errors import InvalidInput, Permanent, Temporary
from steersman.runtime.keys.new_root import change_root
from steersman.runtime.keys.recovery import recover
from steersman.runtime.keys.renewal import Renewal
from steersman.runtime.keys.ring import RING_FILE, OtherRoot, decoded, fingerprint
from steersman.runtime.keys.root import NEXT_FILE, ROOT_FILE, read_root


def change(desk: Any) -> bytes:
    """Change the root key; returns the new one as its shares would give it."""
    shown: list[bytes] = []
    change_root(desk.folder, desk.database, desk.clock, None, shown.append)
    return shown[0]


def copies(desk: Any) -> list[bytes]:
    """Every text of the ring that is left anywhere."""
    with desk.database.reading() as connection:
        kept = [bytes(row[0]) for row in connection.exec_driver_sql("SELECT text FROM keys_rings").all()]
    return [(desk.folder / RING_FILE).read_bytes(), *kept]


@pytest.mark.requirement("ASVS-11.2.2", "ASVS-13.3.1", "SOC2-CC6.1")
def test_what_was_sealed_opens_under_the_new_root_key_and_no_ring_opens_with_the_old_one(desk: Any) -> None:
    ring = desk.open()
    desk.put(ring, "a", b"one")
    old, before = ring.root_key(), ring.ring.active.id
    new = change(desk)
    later = desk.open()
    assert (later.root_key(), desk.secrets(later)) == (new, {"a": b"one"})
    assert before not in {later.ring.active.id, desk.column(later).key_of(later.column("t", "c").seal("r", b"x"))}
    for text in copies(desk):
        with pytest.raises(OtherRoot):
            decoded(text, old)


def test_who_knew_the_old_root_key_knows_no_key_that_is_left_after_the_renewal(desk: Any) -> None:
    """A ring in an old backup opens with the old root key, and then opens nothing of today."""
    ring = desk.open()
    ring.file("things").write(desk.folder / "things-key", b"mine")
    desk.put(ring, "a", b"one")
    known = {key.id for key in (*ring.ring.keys, *ring.ring.files)}
    change(desk)
    later = desk.open()
    desk.column(later)
    later.file("things").renew(desk.folder / "things-key")
    assert Renewal(later, desk.database).run().unfinished is False
    used = {desk.column(later).key_of(value) for value in desk.rows().values()}
    assert known.isdisjoint({*used, (desk.folder / "things-key").read_bytes()[4:12].hex()})
    assert (later.file("things").read(desk.folder / "things-key"), desk.secrets(later)) == (b"mine", {"a": b"one"})


@pytest.mark.requirement("SOC2-CC7.5")
def test_old_shares_recover_nothing_and_new_ones_do(desk: Any) -> None:
    ring = desk.open()
    desk.put(ring, "a", b"one")
    old, new = ring.root_key(), change(desk)
    for lost in (desk.folder / ROOT_FILE, desk.folder / RING_FILE, desk.folder):
        shutil.rmtree(lost) if lost.is_dir() else lost.unlink()
        desk.folder.mkdir(exist_ok=True)
        with pytest.raises(InvalidInput, match="was changed for another one, and opens nothing here any more"):
            recover(desk.folder, desk.database, old)
        recover(desk.folder, desk.database, new)
        assert desk.secrets(desk.open()) == {"a": b"one"}


def test_old_shares_recover_nothing_from_a_copy_that_a_kill_left_behind(desk: Any) -> None:
    """The ring was handed on, and nobody has opened it since: the database still has the copy of before."""
    ring = desk.open()
    desk.put(ring, "a", b"one")
    before = copies(desk)[1]
    new = change(desk)
    with desk.database.transaction() as transaction:
        transaction.exec_driver_sql("UPDATE keys_rings SET version = 1, text = ?", (before,))
    (desk.folder / ROOT_FILE).unlink()
    with pytest.raises(InvalidInput, match="was changed for another one"):
        recover(desk.folder, desk.database, ring.root_key())
    recover(desk.folder, desk.database, new)
    assert desk.secrets(desk.open()) == {"a": b"one"}


@pytest.mark.requirement("ASVS-16.5.2")
def test_a_kill_at_any_step_leaves_one_root_key_in_charge(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the next life finds, it opens all of it without help, and the one before opens nothing when it is over."""
    desk.put(desk.open(), "a", b"one")
    ends, at = set[bool](), 0
    while True:
        at += 1
        old, shown = desk.open().root_key(), list[bytes]()
        work = lambda: change_root(desk.folder, desk.database, desk.clock, None, shown.append)  # noqa: E731, B023 - done before the next turn
        killed = cut(monkeypatch, at, work)
        later = desk.open()
        assert later.root_key() in {old, *shown}
        assert (desk.secrets(later), (desk.folder / NEXT_FILE).exists()) == ({"a": b"one"}, False)
        ends.add(later.root_key() == old)
        for text in copies(desk):
            with pytest.raises(OtherRoot):
                decoded(text, old if later.root_key() != old else shown[0])
        if not killed:
            break
    assert (ends, at > 10) == ({True, False}, True)


def test_a_kill_leaves_what_recover_can_put_back(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ring is damaged as well, before anybody opened it: the copy in the database tells which root key is meant."""
    desk.put(desk.open(), "a", b"one")
    at, killed = 0, True
    while killed:
        at += 1
        killed = cut(monkeypatch, at, lambda: change(desk))
        (desk.folder / RING_FILE).write_bytes(b"{}")
        recover(desk.folder, desk.database, None)
        assert desk.secrets(desk.open()) == {"a": b"one"}


@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_full_disk_leaves_the_old_root_key(desk: Any, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    ring = desk.open()
    desk.put(ring, "a", b"one")

    def full(*_given: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, full)
    with pytest.raises(Temporary, match="the old one stays"):
        change(desk)
    monkeypatch.undo()
    assert desk.open().root_key() == ring.root_key()
    assert {path.name for path in desk.folder.iterdir()} == {RING_FILE, ROOT_FILE, "key-ring.lock"}


def test_who_calls_it_off_while_shares_are_shown_has_changed_nothing(desk: Any) -> None:
    before = desk.open().root_key()

    def interrupted(_root: bytes) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        change_root(desk.folder, desk.database, desk.clock, None, interrupted)
    assert desk.open().root_key() == before


def test_the_bytes_of_the_old_root_key_are_overwritten(desk: Any, tmp_path: Path) -> None:
    """Another name for the same file still shows what lies there."""
    old = desk.open().root_key().hex().encode()
    os.link(desk.folder / ROOT_FILE, tmp_path / "seen")
    assert old in (tmp_path / "seen").read_bytes()
    change(desk)
    assert set((tmp_path / "seen").read_bytes()) == {0}


def test_the_file_of_the_database_holds_nothing_that_the_old_root_key_opens(desk: Any, tmp_path: Path) -> None:
    """The row is gone either way; this is about the bytes that it leaves behind."""
    desk.put(desk.open(), "a", b"one")
    wrapped = json.loads(copies(desk)[1])["keys"][0]["wrapped"].encode()
    change(desk)
    # The last one who closes it moves its log into the file.
    desk.database.close()
    left = b"".join(path.read_bytes() for path in (tmp_path / "database").iterdir())
    assert json.loads((desk.folder / RING_FILE).read_text())["keys"][0]["wrapped"].encode() in left
    assert wrapped not in left


def test_a_damaged_ring_is_not_handed_on(desk: Any) -> None:
    desk.open()
    (desk.folder / RING_FILE).write_bytes(b"{}")
    with pytest.raises(Permanent, match="steersman secrets recover"):
        change(desk)
    assert not (desk.folder / NEXT_FILE).exists()


def test_a_database_from_before_the_change_is_welcome_and_one_of_another_ring_is_not(desk: Any) -> None:
    ring = desk.open()
    desk.put(ring, "a", b"one")
    old = copies(desk)[1]
    change(desk)
    with desk.database.transaction() as transaction:
        transaction.exec_driver_sql("UPDATE keys_rings SET version = 1, text = ?", (old,))
    assert desk.secrets(desk.open()) == {"a": b"one"}
    assert old not in copies(desk)


def test_a_ring_of_the_format_before_is_read_and_goes_on(desk: Any) -> None:
    """It had no keys for files. Written by the version before, under a root key of noughts."""
    text = (Path(__file__).parent / "ring-format-1.json").read_bytes()
    ring = decoded(text, bytes(32))
    assert (ring.version, ring.files, ring.roots) == (1, (), ())
    desk.folder.mkdir()
    for name, content in ((RING_FILE, text), (ROOT_FILE, (Path(__file__).parent / "root-format-1.json").read_bytes())):
        (desk.folder / name).write_bytes(content)
        (desk.folder / name).chmod(0o600)
    opened = desk.open()
    assert opened.file_key() == desk.open().file_key()
    assert [key.id for key in opened.ring.keys] == [key.id for key in ring.keys]
    assert fingerprint(read_root(desk.folder / ROOT_FILE, None)) == fingerprint(bytes(32))
