"""Files of keys are sealed by the ring, also those that a version before left in the clear."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.runtime.keys.cut import cut

from steersman.contract.fakes import FakeClock, SeededIds
from steersman.model.errors import Permanent
from steersman.runtime.database.migrate import HOUSE_LINEAGE, migrate
from steersman.runtime.database.subjects import MASTER_FILE, SealedSubjects
from steersman.runtime.identity.keyring import Keyring
from steersman.runtime.keyfile import IN_THE_CLEAR, KeyFile
from steersman.runtime.keys.new_root import change_root
from steersman.runtime.keys.ring import RING_FILE
from steersman.services.audit.store.keys import KEY_FILE, NEXT_FILE, load_or_make, new_key, private_bytes

#: Opens the keys of one part in a data directory; returns what identifies them.
Owner = Callable[[Any, KeyFile], object]


class Nobody:
    """No accounts."""

    def ids(self, _connection: Any, _known: Any) -> dict[str, str]:
        return {}

    names = ids


def identity(desk: Any, file: KeyFile) -> object:
    ring = Keyring(desk.folder, 0, file=file).ring
    return ring.keys[0].kid, ring.derivation


def subjects(desk: Any, file: KeyFile) -> object:
    return SealedSubjects.open(desk.database, SeededIds(), FakeClock(), desk.folder.parent, Nobody(), file).master


def signing(desk: Any, file: KeyFile) -> object:
    return load_or_make(desk.folder.parent, signed_before=False, file=file).public


OWNERS = pytest.mark.parametrize(
    ("owner", "name"),
    [(identity, "identity-keys.json"), (subjects, MASTER_FILE.name), (signing, KEY_FILE.name)],
)


@pytest.fixture
def place(desk: Any) -> Any:
    migrate(desk.database, [HOUSE_LINEAGE])
    return desk


def content(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())


@OWNERS
@pytest.mark.requirement("ASVS-13.3.1", "ASVS-11.2.1")
def test_no_key_lies_in_the_clear_and_the_next_life_has_the_same(place: Any, owner: Owner, name: str) -> None:
    found = owner(place, place.open().file(name))
    ring = place.open()
    assert owner(place, ring.file(name)) == found
    plain = ring.file(name).read(place.folder / name)
    assert plain not in content(place.folder)
    assert plain[8:24] not in content(place.folder)
    assert (place.folder / name).stat().st_mode & 0o777 == 0o600


@OWNERS
def test_what_a_version_before_left_in_the_clear_is_sealed_at_the_first_start(
    place: Any, tmp_path: Path, owner: Owner, name: str
) -> None:
    """The bytes that lay there are overwritten: another name for the same file shows it."""
    found = owner(place, IN_THE_CLEAR)
    plain = (place.folder / name).read_bytes()
    os.link(place.folder / name, tmp_path / "seen")
    for draft in (f"{name}.new", f"{Path(name).stem}.new"):
        (place.folder / draft).write_bytes(plain)
    assert owner(place, place.open().file(name)) == found
    assert plain not in content(place.folder)
    assert set((tmp_path / "seen").read_bytes()) == {0}


@OWNERS
@pytest.mark.requirement("ASVS-16.5.2")
def test_a_kill_at_any_step_of_sealing_loses_no_key(
    place: Any, monkeypatch: pytest.MonkeyPatch, owner: Owner, name: str
) -> None:
    found = owner(place, IN_THE_CLEAR)
    plain, at, killed = (place.folder / name).read_bytes(), 0, True
    while killed:
        at += 1
        (place.folder / name).write_bytes(plain)
        killed = cut(monkeypatch, at, lambda: owner(place, place.open().file(name)))
        assert owner(place, place.open().file(name)) == found
        assert plain not in content(place.folder)
    assert at > 3


@OWNERS
@pytest.mark.requirement("ASVS-16.5.3")
def test_every_damage_stops_the_start_with_the_next_step(place: Any, owner: Owner, name: str) -> None:
    ring = place.open()
    owner(place, ring.file(name))
    path = place.folder / name
    whole = path.read_bytes()
    broken = [whole[: at + 1] for at in range(0, len(whole) - 1, 7)]
    broken += [whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :] for at in range(len(whole))]
    for text in [*broken, whole + b"\0"]:
        path.write_bytes(text)
        with pytest.raises(
            Permanent, match=r"is missing or damaged.*restore|is damaged.*(restore|delete it and start)"
        ):
            owner(place, ring.file(name))
        assert path.read_bytes() == text, "a damaged file is left as it is"


@OWNERS
def test_the_file_of_another_ring_and_that_of_another_part_are_refused(place: Any, owner: Owner, name: str) -> None:
    owner(place, place.open().file("something else"))
    with pytest.raises(Permanent, match="damaged"):
        owner(place, place.open().file(name))


@OWNERS
def test_a_file_that_others_could_read_is_not_sealed_in_silence(place: Any, owner: Owner, name: str) -> None:
    """Whoever could look has the key: sealing it would take away what tells."""
    owner(place, IN_THE_CLEAR)
    (place.folder / name).chmod(0o644)
    for _ in range(2):
        with pytest.raises(Permanent, match="chmod 600"):
            owner(place, place.open().file(name))


@OWNERS
def test_a_full_disk_puts_the_sealing_off_and_not_the_start(
    place: Any, monkeypatch: pytest.MonkeyPatch, owner: Owner, name: str
) -> None:
    found, ring = owner(place, IN_THE_CLEAR), place.open()
    ring.file_key()
    plain, write = (place.folder / name).read_bytes(), os.write

    def full(descriptor: int, text: bytes) -> int:
        if Path(f"/proc/self/fd/{descriptor}").readlink().name == f"{name}.new":
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, text)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        assert owner(place, ring.file(name)) == found
    assert (place.folder / name).read_bytes() == plain
    assert owner(place, ring.file(name)) == found
    assert plain not in content(place.folder)


def test_a_signing_key_that_was_on_its_way_is_sealed_as_well(place: Any) -> None:
    """A version before was killed between the new key and the database's word for it."""
    signing(place, IN_THE_CLEAR)
    plain = private_bytes(new_key())
    IN_THE_CLEAR.write(place.folder.parent / NEXT_FILE, plain)
    signing(place, place.open().file("audit"))
    assert plain not in content(place.folder)


def test_files_outlive_the_change_of_the_root_key_twice(place: Any) -> None:
    """Also when nobody started in between, so that the file is still sealed with the key before the last one."""
    found = subjects(place, place.open().file("subjects"))
    for _ in range(2):
        change_root(place.folder, place.database, place.clock, None, lambda _root: None)
    assert subjects(place, place.open().file("subjects")) == found
    change_root(place.folder, place.database, place.clock, None, lambda _root: None)
    assert len(place.open().ring.files) == 2
    assert RING_FILE in {path.name for path in place.folder.iterdir()}


def test_two_processes_that_make_the_key_for_files_at_once_make_one(place: Any) -> None:
    rings = [place.open() for _ in range(4)]
    assert len({ring.file_key().id for ring in rings}) == 1
