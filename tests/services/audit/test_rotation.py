"""A signing key hands the log on to the next one, and whoever trusts either of them can verify all of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.cli import run
from steersman.engine.audit.succession import parse_succession
from steersman.model.errors import InvalidInput, Permanent
from steersman.services.audit.model.settings import AuditSettings
from steersman.services.audit.store import rotating, tables
from steersman.services.audit.store.chain import chain_of, succession
from steersman.services.audit.store.keys import KEY_FILE, NEXT_FILE, current, new_key, public_key

SCRIPT = Path(__file__).parents[3] / "tools" / "verify_audit.py"
FIRST = new_key()
SECOND = new_key(name=FIRST.public.name)
HANDED = succession(FIRST, SECOND, 10, 5)


def witnessed(path: Path) -> AuditSettings:
    return AuditSettings(checkpoint_entries=10, witness=path)


def rotated(desk: Any) -> Any:
    return rotating.rotate(desk.database, desk.ports.journal, desk.ports.ids, desk.clock, desk.folder)


def handed(desk: Any) -> list[str]:
    with desk.database.reading() as connection:
        return tables.successions(connection)


@pytest.mark.requirement("ASVS-11.1.1")
def test_a_running_log_takes_up_the_key_that_was_rotated_beside_it(desk: Any) -> None:
    """Old checkpoints stay good with the old key, new ones are by the new key, of the same log."""
    log = desk.signed(12)
    old = log.key.public
    new = rotated(desk)
    desk.append(3)
    log.finish()
    assert (log.key.public, new.name) == (new, old.name)
    assert [chain_of(trusted, handed(desk)).verified(desk.notes()[-1]).key_id for trusted in (old, new)] == [new.id] * 2
    assert desk.verdict().problem is None
    assert desk.open().key.public == new == public_key(desk.folder)
    assert [one.type for one in desk.ports.journal.read(after=12)][:1] == ["audit.key.rotated"]


@pytest.mark.parametrize("trusted", ["first", "second", "third"])
def test_a_stranger_verifies_with_any_key_of_the_log(desk: Any, tmp_path: Path, trusted: str) -> None:
    log = desk.signed(12)
    keys = {"first": log.key.public, "second": rotated(desk)}
    log.finish()
    keys["third"] = rotated(desk)
    log.finish()
    assert run(["audit", "export", str(tmp_path / "export"), "--data", str(desk.folder)]) == 0
    (tmp_path / "key").write_text(keys[trusted].text())
    command = [sys.executable, "-I", SCRIPT, tmp_path / "export", "--key", tmp_path / "key"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout[:24]) == (0, "OK: 14 entries with the "), found.stdout


def test_a_stranger_refuses_a_key_that_nobody_vouched_for(desk: Any, tmp_path: Path) -> None:
    log = desk.signed(12)
    first = log.key.public
    rotated(desk)
    log.finish()
    run(["audit", "export", str(tmp_path / "export"), "--data", str(desk.folder)])
    (tmp_path / "key").write_text(first.text())
    lines = [json.loads(line) for line in (tmp_path / "export").read_text("utf-8").splitlines()]
    (tmp_path / "without").write_text("".join(json.dumps(one) + "\n" for one in lines if "succession" not in one))
    command = [sys.executable, "-I", SCRIPT, tmp_path / "without", "--key", tmp_path / "key"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (found.returncode, "NOT OK" in found.stdout) == (1, True)


def test_an_old_key_signs_nothing_after_its_time_and_a_new_one_nothing_before() -> None:
    chain = chain_of(SECOND.public, [HANDED])
    for signer, size in ((FIRST, 10), (SECOND, 11)):
        assert chain.verified(signer.sign(size, bytes(32), 7).text()).checkpoint.size == size
    for signer, size, words in ((FIRST, 11, "retired at 10"), (SECOND, 10, "began after 10")):
        with pytest.raises(InvalidInput, match=words):
            chain.verified(signer.sign(size, bytes(32), 7).text())


@given(at=st.integers(0, len(HANDED) - 1), sign=st.sampled_from("A+/=9\n z"))
def test_a_succession_that_was_changed_in_one_byte_is_refused(at: int, sign: str) -> None:
    changed = HANDED[:at] + sign + HANDED[at + 1 :]
    if changed != HANDED:
        with pytest.raises(InvalidInput):
            chain_of(FIRST.public, [changed])


def test_a_succession_reads_back_as_it_was_written() -> None:
    assert parse_succession(HANDED).text() == HANDED


def test_a_key_of_another_log_does_not_follow() -> None:
    stranger = new_key()
    with pytest.raises(InvalidInput):
        chain_of(FIRST.public, [succession(FIRST, stranger, 10, 5)])
    with pytest.raises(InvalidInput, match="do not belong"):
        chain_of(stranger.public, [HANDED])


@pytest.mark.parametrize("moment", ["before the database knows", "after the database knows"])
def test_a_kill_amid_a_rotation_leaves_one_key_in_charge(
    desk: Any, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    log = desk.signed(12)
    old = log.key.public
    known = moment.startswith("after")

    def killed(*_: Any) -> Any:
        raise KeyboardInterrupt

    if known:
        monkeypatch.setattr(rotating, "current", lambda *given: killed() if handed(desk) else current(*given))
    else:
        monkeypatch.setattr(tables, "add_succession", killed)
    with pytest.raises(KeyboardInterrupt):
        rotated(desk)
    monkeypatch.undo()
    assert (desk.folder / NEXT_FILE).exists()
    again = desk.open()
    again.finish()
    assert (again.key.public != old, len(handed(desk))) == (known, int(known))
    assert desk.verdict().problem is None
    assert rotated(desk) != again.key.public


def test_a_log_that_runs_finishes_a_rotation_that_was_killed(desk: Any) -> None:
    log = desk.signed(12)
    rotated(desk)
    (desk.folder / KEY_FILE).rename(desk.folder / NEXT_FILE)
    desk.append(2)
    log.finish()
    assert (desk.folder / KEY_FILE).exists()
    assert desk.verdict().problem is None


def test_a_key_that_is_not_the_one_in_charge_stops_the_start_with_the_next_step(desk: Any) -> None:
    desk.signed(12)
    before = (desk.folder / KEY_FILE).read_bytes()
    rotated(desk)
    (desk.folder / KEY_FILE).write_bytes(before)
    with pytest.raises(Permanent, match=r"is not the key that the database names.*restore this file"):
        desk.open()
    (desk.folder / KEY_FILE).unlink()
    with pytest.raises(Permanent, match="is missing"):
        desk.open()


def test_a_succession_that_somebody_wrote_into_the_database_stops_the_log(desk: Any) -> None:
    log = desk.signed(12)
    stranger = new_key(name=log.key.public.name)
    with desk.database.transaction() as connection:
        tables.add_succession(connection, 0, succession(stranger, new_key(stranger.public.name), 12, 1))
    desk.append(1)
    with pytest.raises((InvalidInput, Permanent)):
        log.finish()
    with pytest.raises(Permanent, match="restore"):
        desk.open()


def test_the_command_prints_the_new_public_key(desk: Any, capsys: pytest.CaptureFixture[str]) -> None:
    desk.signed(12)
    assert run(["audit", "rotate-key", "--data", str(desk.folder)]) == 0
    assert public_key(desk.folder).text() in capsys.readouterr().out
    assert run(["audit", "verify", "--data", str(desk.folder)]) == 0


def test_a_rotation_without_a_key_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["audit", "rotate-key", "--data", str(tmp_path)]) == 2
    assert "start the platform once" in capsys.readouterr().err


def test_a_witness_catches_whoever_has_database_and_key(
    desk: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Journal, tree, checkpoints and the file beside them were made anew with the real key."""
    witness = tmp_path / "elsewhere" / "checkpoints"
    desk.append(12)
    log = desk.open(witnessed(witness))
    log.finish()
    desk.do(
        "UPDATE journal SET actor = 'nobody' WHERE seq = 3",
        "DELETE FROM audit_leaves",
        "DELETE FROM audit_tiles",
        "DELETE FROM audit_checkpoints",
    )
    (desk.folder / "audit" / "checkpoints").unlink()
    desk.open().finish()
    data = ["--data", str(desk.folder)]
    assert run(["audit", "verify", *data]) == 0
    assert run(["audit", "verify", *data, "--witness", str(witness)]) == 1
    assert "has another root" in capsys.readouterr().out
    with pytest.raises(Permanent, match="that the database does not have"):
        desk.open(witnessed(witness))


def test_a_witness_that_does_not_answer_holds_nothing_up_and_is_told_later(desk: Any, tmp_path: Path) -> None:
    blocked = tmp_path / "elsewhere"
    blocked.write_text("a file where a folder should be")
    desk.append(12)
    log = desk.open(witnessed(blocked / "checkpoints"))
    log.finish()
    assert "takes no checkpoints" in (log.witness.failure or "")
    blocked.unlink()
    desk.append(3)
    log.finish()
    assert log.witness.failure is None
    assert (blocked / "checkpoints").read_text() == (desk.folder / "audit" / "checkpoints").read_text()
