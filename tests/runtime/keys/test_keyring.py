"""The ring is never lost, never replaced in silence, and rotated by one at a time."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from steersman.contract.fakes import FakeClock
from steersman.model.errors import Conflict, InvalidInput, NotFound, Permanent, SteersmanError, Temporary
from steersman.runtime.keys import envelope
from steersman.runtime.keys.envelope import Place
from steersman.runtime.keys.keyring import KeyRing
from steersman.runtime.keys.recovery import recover
from steersman.runtime.keys.renewal import Renewal
from steersman.runtime.keys.ring import RING_FILE, State
from steersman.runtime.keys.root import ROOT_FILE, read_root


def states(ring: KeyRing) -> list[State]:
    return [key.state for key in ring.ring.keys]


@pytest.mark.requirement("ASVS-13.3.1")
def test_a_second_life_opens_what_the_first_one_sealed(desk: Any) -> None:
    desk.put(desk.open(), "a", b"one")
    assert desk.secrets(desk.open()) == {"a": b"one"}
    assert {path.stat().st_mode & 0o777 for path in desk.folder.iterdir()} == {0o600}


def test_no_secret_and_no_key_lies_in_the_database(desk: Any, tmp_path: Path) -> None:
    ring = desk.open()
    desk.put(ring, "a", b"a secret that is easy to find")
    held = b"".join(path.read_bytes() for path in (tmp_path / "database").iterdir())
    for wanted in (b"easy to find", ring.root_key(), ring.ring.active.secret, ring.ring.active.secret.hex().encode()):
        assert wanted not in held


@pytest.mark.requirement("ASVS-11.2.2", "SOC2-CC6.1")
def test_rotation_renews_every_value_and_retires_the_old_key(desk: Any) -> None:
    ring = desk.open()
    for number in range(120):
        desk.put(ring, f"r{number}", b"%d" % number)
    before = desk.rows()
    ring.rotate(ring.ring.active.id)
    assert states(ring) == [State.ACTIVE, State.PREVIOUS]
    assert Renewal(ring, desk.database).run().unfinished is False
    assert states(ring) == [State.ACTIVE, State.RETIRED]
    assert desk.secrets(ring) == {f"r{number}": b"%d" % number for number in range(120)}
    assert all(before[row] != value for row, value in desk.rows().items())


def test_an_interrupted_rotation_goes_on_in_the_next_life(desk: Any) -> None:
    ring = desk.open()
    for number in range(120):
        desk.put(ring, f"r{number}", b"x")
    ring.rotate(ring.ring.active.id)
    assert Renewal(ring, desk.database).step()
    later = desk.open()
    desk.column(later)
    assert states(later) == [State.ACTIVE, State.PREVIOUS]
    assert Renewal(later, desk.database).run().left == 0
    assert len(desk.secrets(later)) == 120


def test_what_a_writer_changes_during_renewal_stays_as_he_wrote_it(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The row is changed after renewal has read it and before it writes."""
    ring = desk.open()
    desk.put(ring, "a", b"old")
    ring.rotate(ring.ring.active.id)
    opened = ring.open_sealed

    def late(sealed: bytes, place: Place) -> bytes:
        desk.put(ring, "a", b"new")
        return opened(sealed, place)

    desk.column(ring)
    monkeypatch.setattr(ring, "open_sealed", late)
    Renewal(ring, desk.database).run()
    monkeypatch.undo()
    assert desk.secrets(ring) == {"a": b"new"}


def test_a_late_writer_brings_a_retired_key_back_until_its_value_is_renewed(desk: Any) -> None:
    ring = desk.open()
    desk.put(ring, "a", b"one")
    with desk.database.reading() as connection:
        (late,) = connection.exec_driver_sql("SELECT secret FROM things").one()
    ring.rotate(ring.ring.active.id)
    renewal = Renewal(ring, desk.database)
    renewal.run()
    with desk.database.transaction() as transaction:
        transaction.exec_driver_sql("UPDATE things SET secret = ?", (late,))
    assert renewal.settle().left == 1
    assert states(ring) == [State.ACTIVE, State.PREVIOUS]
    assert renewal.run().unfinished is False
    assert desk.secrets(ring) == {"a": b"one"}


def test_a_value_that_does_not_open_keeps_its_key_and_holds_nobody_up(desk: Any) -> None:
    """Somebody copied one row over another; the rows behind it are renewed all the same."""
    ring = desk.open()
    for row in ("a", "b", "c"):
        desk.put(ring, row, row.encode())
    with desk.database.transaction() as transaction:
        transaction.exec_driver_sql(
            "UPDATE things SET secret = (SELECT secret FROM things WHERE id = 'c') WHERE id = 'a'"
        )
    old = ring.ring.active.id
    ring.rotate(old)
    renewal = Renewal(ring, desk.database)
    told = renewal.run()
    assert (told.left, told.unfinished, renewal.unreadable) == (1, True, {("things", "secret", "a")})
    assert states(ring) == [State.ACTIVE, State.PREVIOUS]
    assert desk.column(ring).open("c", desk.rows()["c"]) == b"c"


def test_of_two_processes_that_rotate_at_once_one_wins(desk: Any) -> None:
    rings = [desk.open() for _ in range(8)]
    expected, barrier, ends = rings[0].ring.active.id, threading.Barrier(8), list[str]()

    def rotate(ring: KeyRing) -> None:
        barrier.wait()
        try:
            ring.rotate(expected)
            ends.append("won")
        except Conflict:
            ends.append("lost")

    threads = [threading.Thread(target=rotate, args=(ring,)) for ring in rings]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ends) == ["lost"] * 7 + ["won"]
    assert states(desk.open()) == [State.ACTIVE, State.PREVIOUS]


def test_a_process_seals_with_the_key_that_another_one_made(desk: Any) -> None:
    mine, other = desk.open(), desk.open()
    other.rotate(other.ring.active.id)
    desk.put(mine, "a", b"one")
    assert desk.column(mine).key_of(desk.rows()["a"]) == other.ring.active.id
    assert desk.secrets(other) == {"a": b"one"}


def test_clocks_that_jump_decide_nothing(desk: Any) -> None:
    desk.clock = FakeClock(2_000_000_000_000_000_000)
    ring = desk.open()
    desk.put(ring, "a", b"one")
    desk.clock = FakeClock(1)
    later = desk.open()
    later.rotate(later.ring.active.id)
    desk.put(later, "b", b"two")
    assert later.ring.active.made_s < later.ring.keys[1].made_s
    assert Renewal(later, desk.database).run().unfinished is False
    assert desk.secrets(desk.open()) == {"a": b"one", "b": b"two"}


def test_only_a_retired_key_can_be_destroyed(desk: Any) -> None:
    ring = desk.open()
    old = ring.ring.active.id
    with pytest.raises(InvalidInput, match="only a retired one"):
        ring.destroy(old)
    ring.rotate(old)
    Renewal(ring, desk.database).run()
    ring.destroy(old)
    assert [key.id for key in desk.open().ring.keys] == [ring.ring.active.id]
    with pytest.raises(NotFound):
        ring.destroy(old)


@pytest.mark.requirement("ASVS-11.2.2")
def test_nothing_derived_from_a_destroyed_key_stays_in_memory(desk: Any) -> None:
    ring = desk.open()
    old = ring.ring.active.id
    desk.put(ring, "a", b"one")
    assert desk.secrets(ring) == {"a": b"one"}
    assert envelope._unwrapping.cache_info().currsize == 1
    ring.rotate(old)
    Renewal(ring, desk.database).run()
    ring.destroy(old)
    assert envelope._unwrapping.cache_info().currsize == 0


# ------------------------------------------------------------------------------------------------ damage and loss


@pytest.mark.requirement("ASVS-16.5.3")
@pytest.mark.parametrize("name", [RING_FILE, ROOT_FILE])
def test_a_lost_file_stops_the_start_and_no_new_one_is_made(desk: Any, name: str) -> None:
    desk.put(desk.open(), "a", b"one")
    (desk.folder / name).unlink()
    with pytest.raises(Permanent, match=r"steersman secrets recover --data DIR"):
        desk.open()
    assert not (desk.folder / name).exists()


def test_a_lost_folder_stops_the_start_because_the_database_knows(desk: Any) -> None:
    desk.put(desk.open(), "a", b"one")
    shutil.rmtree(desk.folder)
    with pytest.raises(Permanent, match="No new key was made"):
        desk.open()
    assert not (desk.folder / ROOT_FILE).exists()


@pytest.mark.requirement("ASVS-16.5.3")
@pytest.mark.parametrize("name", [RING_FILE, ROOT_FILE])
def test_every_flipped_byte_and_every_cut_stops_the_start_with_the_next_step(desk: Any, name: str) -> None:
    """All of them, not a sample: whoever reads the message knows what to do."""
    ring = desk.open()
    ring.rotate(ring.ring.active.id)
    path: Path = desk.folder / name
    whole = path.read_bytes()
    broken = [whole[:at] for at in range(len(whole))]
    broken += [whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :] for at in range(len(whole))]
    for text in [*broken, whole + b"\n", b"", b"[" * 100_000]:
        path.write_bytes(text)
        with pytest.raises(Permanent, match=r"(?i)restore"):
            # What `open` does, without the database, which would make this minutes.
            KeyRing(desk.folder, read_root(desk.folder / ROOT_FILE, None), desk.database, desk.clock)
    with pytest.raises(Permanent):
        desk.open()
    assert path.read_bytes() == text, "a damaged file is left as it is"
    path.write_bytes(whole)
    desk.open()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(data=st.data())
def test_any_damage_at_all_is_refused(desk: Any, data: st.DataObject) -> None:
    desk.open()
    path: Path = desk.folder / data.draw(st.sampled_from([RING_FILE, ROOT_FILE]))
    whole = path.read_bytes()
    at, many = data.draw(st.integers(0, len(whole))), data.draw(st.integers(0, 40))
    broken = whole[:at] + data.draw(st.binary(max_size=40)) + whole[at + many :]
    path.write_bytes(broken)
    try:
        if broken != whole:
            with pytest.raises(Permanent):
                desk.open()
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize("name", [RING_FILE, ROOT_FILE])
def test_a_file_that_others_may_read_stops_the_start(desk: Any, name: str) -> None:
    desk.open()
    (desk.folder / name).chmod(0o640)
    with pytest.raises(Permanent, match="chmod 600"):
        desk.open()


def test_the_ring_of_another_installation_is_refused(desk: Any, tmp_path: Path) -> None:
    desk.put(desk.open(), "a", b"one")
    mine, desk.folder = desk.folder, tmp_path / "others"
    with pytest.raises(Permanent):
        desk.open()
    shutil.copytree(mine, desk.folder, dirs_exist_ok=True)
    assert desk.secrets(desk.open()) == {"a": b"one"}


def test_an_older_ring_is_refused_and_recover_takes_the_newer_copy(desk: Any) -> None:
    """A backup of the data directory from before a rotation, put beside the database of today."""
    ring = desk.open()
    older = (desk.folder / RING_FILE).read_bytes()
    ring.rotate(ring.ring.active.id)
    desk.put(ring, "a", b"one")
    (desk.folder / RING_FILE).write_bytes(older)
    with pytest.raises(Permanent, match=r"is older \(version 1\).*version 2"):
        desk.open()
    assert recover(desk.folder, desk.database, None) == ["the ring is back, as the database kept it"]
    assert desk.secrets(desk.open()) == {"a": b"one"}


def test_an_older_database_is_welcome(desk: Any) -> None:
    """A kill between file and copy, or a restored database: the ring knows more, and that is fine."""
    ring = desk.open()
    desk.put(ring, "a", b"one")
    with desk.database.reading() as connection:
        (copy,) = connection.exec_driver_sql("SELECT text FROM keys_rings").one()
    ring.rotate(ring.ring.active.id)
    with desk.database.transaction() as transaction:
        transaction.exec_driver_sql("UPDATE keys_rings SET version = 1, text = ?", (copy,))
    assert desk.secrets(desk.open()) == {"a": b"one"}


def test_a_damaged_copy_in_the_database_is_written_anew(desk: Any) -> None:
    """Whatever number it claims: the file is whole, and the copy is there for the day when it is not."""
    desk.put(desk.open(), "a", b"one")
    with desk.database.transaction() as transaction:
        transaction.exec_driver_sql("UPDATE keys_rings SET version = 99, text = ?", (b"{}",))
    assert desk.secrets(desk.open()) == {"a": b"one"}
    (desk.folder / RING_FILE).unlink()
    recover(desk.folder, desk.database, None)
    assert desk.secrets(desk.open()) == {"a": b"one"}


def test_a_damaged_ring_is_recovered_from_the_database(desk: Any) -> None:
    desk.put(desk.open(), "a", b"one")
    (desk.folder / RING_FILE).write_bytes(b"{}")
    recover(desk.folder, desk.database, None)
    assert desk.secrets(desk.open()) == {"a": b"one"}
    assert (desk.folder / f"{RING_FILE}.damaged").read_bytes() == b"{}"


def test_a_lost_root_key_is_recovered_from_what_the_shares_gave(desk: Any) -> None:
    ring = desk.open()
    desk.put(ring, "a", b"one")
    shutil.rmtree(desk.folder)
    desk.folder.mkdir()
    recover(desk.folder, desk.database, ring.root_key())
    assert desk.secrets(desk.open()) == {"a": b"one"}


def test_another_root_key_recovers_nothing_and_changes_nothing(desk: Any) -> None:
    desk.open()
    before = {path.name: path.read_bytes() for path in desk.folder.iterdir()}
    with pytest.raises(InvalidInput, match="the shares are of another ring"):
        recover(desk.folder, desk.database, os.urandom(32))
    assert {path.name: path.read_bytes() for path in desk.folder.iterdir()} == before


# ----------------------------------------------------------------------------------------------------- full disks


@pytest.mark.parametrize("step", ["open", "write", "short", "fsync", "rename"])
def test_a_full_disk_at_any_step_leaves_the_ring_as_it_was(
    desk: Any, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    ring = desk.open()
    desk.put(ring, "a", b"one")
    before = (desk.folder / RING_FILE).read_bytes()
    _fill(monkeypatch, step)
    with pytest.raises(Temporary, match="the old one stays"):
        ring.rotate(ring.ring.active.id)
    monkeypatch.undo()
    assert (desk.folder / RING_FILE).read_bytes() == before
    assert desk.secrets(desk.open()) == {"a": b"one"}
    desk.put(ring, "b", b"two")
    assert desk.secrets(ring) == {"a": b"one", "b": b"two"}


@pytest.mark.parametrize("step", ["open", "write", "fsync", "rename"])
def test_a_full_disk_at_the_first_start_leaves_nothing_half_made(
    desk: Any, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    _fill(monkeypatch, step)
    with pytest.raises(SteersmanError):
        desk.open()
    monkeypatch.undo()
    desk.put(desk.open(), "a", b"one")
    assert desk.secrets(desk.open()) == {"a": b"one"}


def _fill(monkeypatch: pytest.MonkeyPatch, step: str) -> None:  # noqa: C901 - one disk, five ways to be full
    """Let one call of the system answer that there is no room, where a file of keys is concerned."""
    full = OSError(errno.ENOSPC, "No space left on device")
    opened, wrote = os.open, os.write
    drafts: set[int] = set()

    def opening(path: Any, flags: int, *rest: Any, **named: Any) -> int:
        if str(path).endswith(".json.new") and step == "open":
            raise full
        descriptor = opened(path, flags, *rest, **named)
        if str(path).endswith(".json.new"):
            drafts.add(descriptor)
        return descriptor

    def writing(descriptor: int, content: bytes) -> int:
        if descriptor in drafts and step == "write":
            raise full
        if descriptor in drafts and step == "short":
            if len(content) < 200:
                raise full
            return wrote(descriptor, content[:100])
        return wrote(descriptor, content)

    def refuse(*_given: Any) -> None:
        raise full

    monkeypatch.setattr(os, "open", opening)
    monkeypatch.setattr(os, "write", writing)
    if step == "fsync":
        monkeypatch.setattr(os, "fsync", refuse)
    if step == "rename":
        monkeypatch.setattr(Path, "replace", refuse)
