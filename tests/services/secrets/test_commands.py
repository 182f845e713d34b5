"""The commands as a person uses them: shares on paper, a lost folder, an import."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from cryptography.fernet import Fernet

from steersman.contract.fakes import FakeClock, fake_ports
from steersman.model.errors import Conflict, InvalidInput, Permanent, Unauthenticated
from steersman.runtime.database.engine import open_engine
from steersman.runtime.database.journal import SqlJournal
from steersman.runtime.database.sql import SqlDatabase
from steersman.runtime.datadir import DataDir
from steersman.runtime.identity.identity import Identity
from steersman.runtime.identity.login import Attempt
from steersman.runtime.identity.settings import IdentitySettings
from steersman.runtime.keys.keyring import KeyRing
from steersman.runtime.keys.ring import fingerprint
from steersman.runtime.keys.root import read_root
from steersman.services.secrets.commands import ceremony, imports, people


class Home:
    """A data directory of a stopped platform that holds one sealed value."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "data"
        DataDir.open(self.path).close()
        database = self._database()
        sealed = self._ring(database).column("things", "secret").seal("a", b"one")
        with database.transaction() as transaction:
            transaction.exec_driver_sql("CREATE TABLE things (id TEXT PRIMARY KEY, secret BLOB)")
            transaction.exec_driver_sql("INSERT INTO things VALUES ('a', ?)", (sealed,))
        database.close()

    def secret(self) -> bytes:
        database = self._database()
        try:
            with database.reading() as connection:
                sealed = connection.exec_driver_sql("SELECT secret FROM things").scalar_one()
            return self._ring(database).column("things", "secret").open("a", sealed)
        finally:
            database.close()

    def _database(self) -> SqlDatabase:
        return SqlDatabase(open_engine(None, self.path / "database"))

    def _ring(self, database: SqlDatabase) -> KeyRing:
        return KeyRing.open(self.path / "secrets", database, FakeClock())


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def printed(home: Home, capsys: Any, of: int = 5, needed: int = 3) -> list[str]:
    capsys.readouterr()
    ceremony.shares(of, needed, home.path)
    return str(capsys.readouterr().out).strip().split("\n\n")


def typed(monkeypatch: pytest.MonkeyPatch, shares: list[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n\n".join(shares) + "\n"))


@pytest.mark.requirement("SOC2-CC7.5")
def test_three_of_five_people_bring_back_a_lost_folder(
    home: Home, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = printed(home, capsys)
    assert len(shares) == 5
    shutil.rmtree(home.path / "secrets")
    with pytest.raises(Permanent, match="steersman secrets recover"):
        home.secret()
    typed(monkeypatch, [shares[4], shares[0], shares[2]])
    ceremony.recover_ring(home.path)
    assert capsys.readouterr().out == "the root key is back\nthe ring is back, as the database kept it\n"
    assert home.secret() == b"one"


def test_two_are_too_few_and_are_told_so(home: Home, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    typed(monkeypatch, printed(home, capsys)[:2])
    with pytest.raises(InvalidInput, match="3 different shares are needed, and these are 2"):
        ceremony.recover_ring(home.path)


def test_a_wrong_sign_names_the_share(home: Home, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = printed(home, capsys)[:3]
    head, _, body = second.partition("\n")
    bad = body.replace(body[20], "A" if body[20] != "A" else "C", 1)
    typed(monkeypatch, [first, f"{head}\n{bad}", third])
    with pytest.raises(InvalidInput, match="share 2 as typed: its checksum does not fit"):
        ceremony.recover_ring(home.path)


def test_shares_are_tried_before_people_part(home: Home, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    shares = printed(home, capsys, 3, 2)
    typed(monkeypatch, shares[1:])
    ceremony.recover_ring(home.path, check=True)
    assert capsys.readouterr().out == "the shares give the root key that is in use\n"


def test_shares_of_another_installation_are_refused(
    home: Home, capsys: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    DataDir.open(tmp_path / "other" / "data").close()
    database = SqlDatabase(open_engine(None, tmp_path / "other" / "data" / "database"))
    KeyRing.open(tmp_path / "other" / "data" / "secrets", database, FakeClock())
    database.close()
    capsys.readouterr()
    ceremony.shares(3, 2, tmp_path / "other" / "data")
    shares = str(capsys.readouterr().out).strip().split("\n\n")
    for check in (True, False):
        typed(monkeypatch, shares)
        with pytest.raises(InvalidInput, match="of another r"):
            ceremony.recover_ring(home.path, check=check)
    assert home.secret() == b"one"


def test_nothing_is_recovered_under_a_running_platform(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    typed(monkeypatch, [])
    running = DataDir.open(home.path)
    try:
        with pytest.raises(Conflict):
            ceremony.recover_ring(home.path)
    finally:
        running.close()


@pytest.mark.parametrize("bad", ["", "x\n", "0 A\n", "b not-a-token\n"])
def test_an_import_opens_everything_before_it_keeps_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bad: str
) -> None:
    old, new = Fernet.generate_key(), Fernet.generate_key()
    kept: dict[str, Any] = {}
    monkeypatch.setattr(imports, "ask", lambda _url, _data, _method, path, body: kept.update({path: body["value"]}))
    keys, file = tmp_path / "keys", tmp_path / "tokens"
    keys.write_bytes(new + b"\n" + old + b"\n")
    file.write_text(f"a {Fernet(old).encrypt(b'one').decode()}\n{bad}c {Fernet(new).encrypt(b'two').decode()}\n")
    if bad:
        with pytest.raises(InvalidInput, match=r"^line 2: .*; nothing was imported"):
            imports.take(file, keys)
        assert kept == {}
    else:
        imports.take(file, keys)
        assert kept == {"/values/a": "one", "/values/c": "two"}


def django(password: str) -> str:
    made = hashlib.pbkdf2_hmac("sha256", password.encode(), b"seasalt", 1000)
    return f"pbkdf2_sha256$1000$seasalt${base64.b64encode(made).decode()}"


@pytest.mark.requirement("ASVS-11.4.2")
def test_imported_people_sign_in_with_their_old_password_and_then_have_a_hash_of_ours(
    home: Home, tmp_path: Path
) -> None:
    file = tmp_path / "people"
    file.write_text(f"Ines {django('a green kettle')}\njo {django('a red kettle')}\n")
    people.take(file, ["viewer"], home.path)
    database = home._database()
    ports = fake_ports(home.path, database=database, journal=SqlJournal(database))
    identity = Identity.open(ports, [], IdentitySettings())
    for password, welcome in (("a red kettle", False), ("a green kettle", True), ("a green kettle", True)):
        try:
            asyncio.run(identity.login.for_tokens(Attempt("ines", password, "", "192.0.2.1", "test")))
            assert welcome
        except Unauthenticated:
            assert not welcome
    with database.reading() as connection:
        kept = dict(connection.exec_driver_sql("SELECT name, password FROM identity_accounts").all())  # type: ignore[arg-type]
    database.close()
    assert kept["ines"].startswith("$argon2id$")
    assert kept["jo"].startswith("pbkdf2_sha256$")


@pytest.mark.parametrize("bad", ["eve plain-text", "e v e x", "bootstrap pbkdf2_sha256$1$x$y"])
def test_one_wrong_line_adds_nobody(home: Home, tmp_path: Path, bad: str) -> None:
    file = tmp_path / "people"
    file.write_text(f"ines {django('a green kettle')}\n{bad}\n")
    with pytest.raises(InvalidInput, match=r"^line 2: .*; nothing was imported"):
        people.take(file, None, home.path)


def rooted(home: Home, capsys: Any, **given: Any) -> list[str]:
    """Change the root key as a person does who has all shares shown; returns them."""
    capsys.readouterr()
    ceremony.rotate_root(3, 2, home.path, all=True, **given)
    return str(capsys.readouterr().out).strip().split("\n\n")


@pytest.mark.requirement("ASVS-11.2.2", "SOC2-CC6.1")
def test_after_another_root_key_took_over_its_shares_count_and_no_others(
    home: Home, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = printed(home, capsys, 3, 2)
    new = rooted(home, capsys, yes=True)
    assert len(new) == 3
    assert home.secret() == b"one"
    (home.path / "secrets" / "root-key.json").unlink()
    typed(monkeypatch, old[:2])
    with pytest.raises(InvalidInput, match="was changed for another one"):
        ceremony.recover_ring(home.path)
    typed(monkeypatch, new[1:])
    ceremony.recover_ring(home.path)
    assert home.secret() == b"one"


def test_who_does_not_have_the_shares_yet_can_call_it_off(
    home: Home, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = printed(home, capsys, 3, 2)
    typed(monkeypatch, ["n"])
    with pytest.raises(typer.Abort):
        rooted(home, capsys)
    typed(monkeypatch, old[:2])
    ceremony.recover_ring(home.path, check=True)
    assert "the shares give the root key that is in use" in capsys.readouterr().out


def test_the_root_key_is_not_changed_under_a_running_platform(home: Home, capsys: Any) -> None:
    running = DataDir.open(home.path)
    with pytest.raises(Conflict, match="in use by the process"):
        rooted(home, capsys, yes=True)
    running.close()
    assert home.secret() == b"one"


def test_the_journal_says_that_the_root_key_was_changed(home: Home, capsys: Any) -> None:
    rooted(home, capsys, yes=True)
    with ceremony.stopped(home.path, None) as store:
        (entry,) = SqlJournal(store).read()
    assert (entry.type, entry.actor, entry.payload) == ("secrets.root.changed", "local", {"shares": 3, "needed": 2})
    assert entry.subject == fingerprint(read_root(home.path / "secrets" / "root-key.json", None))
