"""The signing key is made once, kept private, and never replaced in silence."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from steersman.engine.audit.checkpoint import NoteKey
from steersman.model.errors import InvalidInput, Permanent
from steersman.services.audit.store.chain import chain_of
from steersman.services.audit.store.keys import KEY_FILE, PUBLIC_FILE, load_or_make, new_key, public_key


def test_the_first_start_makes_a_key_that_only_its_owner_can_read(tmp_path: Path) -> None:
    key = load_or_make(tmp_path, signed_before=False)
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert load_or_make(tmp_path, signed_before=True).public == key.public
    assert public_key(tmp_path) == key.public


@pytest.mark.requirement("ASVS-11.6.1", "ASVS-11.4.3")
def test_openssl_reads_the_key_and_verifies_what_it_signed(tmp_path: Path) -> None:
    """An outside implementation says that the signature is Ed25519 over the text of the checkpoint."""
    key = load_or_make(tmp_path, signed_before=False)
    note = key.sign(3, bytes(32), 5)
    (tmp_path / "text").write_bytes(note.signed)
    (tmp_path / "signature").write_bytes(note.signature)
    command = ["openssl", "pkeyutl", "-verify", "-rawin", "-inkey", KEY_FILE, "-in", "text", "-sigfile", "signature"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "Verified Successfully" in ran.stdout, ran.stderr


def test_a_missing_key_with_checkpoints_stops_the_start(desk: Any) -> None:
    desk.signed(3)
    (desk.folder / KEY_FILE).unlink()
    with pytest.raises(Permanent, match=r"audit-key is missing.*restore this file from a backup.*steersman audit anew"):
        desk.open()
    assert not (desk.folder / KEY_FILE).exists()


@pytest.mark.parametrize(
    "content", [b"", b"garbage", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_a_damaged_key_stops_the_start(desk: Any, content: bytes) -> None:
    desk.signed(3)
    (desk.folder / KEY_FILE).write_bytes(content)
    with pytest.raises(Permanent, match=r"is damaged.*restore this file from a backup"):
        desk.open()
    assert (desk.folder / KEY_FILE).read_bytes() == content


def test_a_damaged_key_that_signed_nothing_may_be_deleted(tmp_path: Path) -> None:
    load_or_make(tmp_path, signed_before=False)
    (tmp_path / KEY_FILE).write_bytes(b"")
    with pytest.raises(Permanent, match="delete it and start again"):
        load_or_make(tmp_path, signed_before=False)


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    load_or_make(tmp_path, signed_before=False)
    other = generate_private_key(65_537, 2_048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / KEY_FILE).write_bytes(other)
    with pytest.raises(Permanent, match="does not hold an Ed25519 key"):
        load_or_make(tmp_path, signed_before=False)


@pytest.mark.requirement("ASVS-13.3.2")
def test_a_key_that_others_can_read_stops_the_start(desk: Any) -> None:
    desk.signed(3)
    (desk.folder / KEY_FILE).chmod(0o640)
    with pytest.raises(Permanent, match="chmod 600"):
        desk.open()


def test_another_key_than_the_one_that_signed_stops_the_start(desk: Any, tmp_path: Path) -> None:
    """Such as that of another machine on the same database."""
    desk.signed(3)
    load_or_make(tmp_path / "other", signed_before=False)
    (tmp_path / "other" / KEY_FILE).replace(desk.folder / KEY_FILE)
    with pytest.raises(Permanent, match="restore the key that belongs to this database"):
        desk.open()


def test_a_kill_while_the_key_is_made_leaves_all_of_it_or_none(tmp_path: Path) -> None:
    """A draft that was left behind is in nobody's way."""
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "audit-key.new").write_bytes(b"half")
    load_or_make(tmp_path, signed_before=False)
    assert [path.name for path in (tmp_path / "secrets").iterdir()] == ["audit-key"]


def test_the_public_key_is_written_again_from_the_signing_key(tmp_path: Path) -> None:
    key = load_or_make(tmp_path, signed_before=False)
    (tmp_path / PUBLIC_FILE).write_text("damaged")
    with pytest.raises(Permanent, match="give --key FILE"):
        public_key(tmp_path)
    load_or_make(tmp_path, signed_before=True)
    assert public_key(tmp_path) == key.public


def test_a_signature_holds_for_one_key_and_one_text_only() -> None:
    key, other = new_key(), new_key()
    text = key.sign(3, bytes(32), 5).text()
    assert chain_of(key.public, []).verified(text).checkpoint.size == 3
    for wrong, by in ((text, other.public), (text.replace("\n3\n", "\n4\n"), key.public)):
        with pytest.raises(InvalidInput, match="checkpoint of"):
            chain_of(by, []).verified(wrong)
    renamed = NoteKey(other.public.name, key.public.public)
    with pytest.raises(InvalidInput, match="and the key here is"):
        chain_of(renamed, []).verified(text)
