"""The commands: verify, export with the stand-alone verifier, and beginning anew."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from steersman.cli import run
from steersman.services.audit.store.copies import COPY_FILE
from steersman.services.audit.store.keys import KEY_FILE, PUBLIC_FILE

SCRIPT = Path(__file__).parents[3] / "tools" / "verify_audit.py"


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STEERSMAN_DATA", "STEERSMAN_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)


def audit(desk: Any, *words: str) -> int:
    return run(["audit", *words, "--data", str(desk.folder)])


def stranger(*arguments: Path | str) -> subprocess.CompletedProcess[str]:
    """Run the script as somebody without the platform: nothing of ours can be imported."""
    command = [sys.executable, "-I", SCRIPT, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_verify_says_ok_with_size_and_root(desk: Any, capsys: pytest.CaptureFixture[str]) -> None:
    desk.signed(12)
    assert audit(desk, "verify") == 0
    assert capsys.readouterr().out.startswith("OK: 12 entries with the root ")


def test_verify_names_the_first_entry_that_is_wrong(desk: Any, capsys: pytest.CaptureFixture[str]) -> None:
    desk.signed(12)
    desk.do("UPDATE journal SET actor = 'other' WHERE seq IN (7, 9)")
    assert audit(desk, "verify") == 1
    assert "NOT OK (changed): the entry 7 was changed" in capsys.readouterr().out


def test_verify_believes_the_file_beside_the_database(desk: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """The end of every table was cut off; the file in the data directory has what was signed."""
    log = desk.signed(10)
    desk.append(10)
    log.follow()
    desk.do("DELETE FROM journal WHERE seq > 10", "DELETE FROM audit_leaves WHERE seq > 10")
    desk.do("DELETE FROM audit_checkpoints WHERE size > 10")
    assert audit(desk, "verify") == 1
    assert "NOT OK (missing): a checkpoint was signed over 20 entries" in capsys.readouterr().out


def test_verify_takes_checkpoints_and_a_key_that_were_kept_elsewhere(
    desk: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The data directory's own file and public key are gone or another's."""
    desk.signed(12)
    kept, key = tmp_path / "kept", tmp_path / "key"
    (desk.folder / COPY_FILE).rename(kept)
    (desk.folder / PUBLIC_FILE).rename(key)
    assert audit(desk, "verify", "--checkpoint", str(kept), "--key", str(key)) == 0
    assert audit(desk, "verify") == 1
    assert "give --key FILE" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["nonsense", "x" * 3_000])
def test_verify_refuses_a_file_without_checkpoints(desk: Any, tmp_path: Path, content: str) -> None:
    desk.signed(12)
    (tmp_path / "kept").write_text(content)
    assert audit(desk, "verify", "--checkpoint", str(tmp_path / "kept")) == 2


def test_verify_says_where_no_evidence_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And makes no database where there was none."""
    assert run(["audit", "verify", "--data", str(tmp_path / "nowhere")]) == 2
    assert "holds no control database" in capsys.readouterr().err
    assert not (tmp_path / "nowhere").exists()


def test_a_stranger_verifies_an_export(desk: Any, tmp_path: Path) -> None:
    """With the key from the export, which is pointed out, or with the key that was handed over."""
    desk.append(300, note="naïve \U0001f6e1 \u2028 text")
    log = desk.open()
    log.finish()
    desk.append(5)
    assert audit(desk, "export", str(tmp_path / "export")) == 0
    assert (tmp_path / "export").stat().st_mode & 0o777 == 0o600
    alone = stranger(tmp_path / "export")
    assert (alone.returncode, alone.stderr) == (0, "")
    assert alone.stdout.startswith("OK: 300 entries")
    assert "ask the platform's owner" in alone.stdout
    handed = stranger(tmp_path / "export", "--key", desk.folder / PUBLIC_FILE, "--checkpoint", desk.folder / COPY_FILE)
    assert (handed.returncode, handed.stdout.count("\n")) == (0, 1)


def test_an_export_does_not_write_over_a_file(desk: Any, tmp_path: Path) -> None:
    desk.signed(3)
    (tmp_path / "export").write_text("precious")
    assert audit(desk, "export", str(tmp_path / "export")) == 1
    assert (tmp_path / "export").read_text() == "precious"


def _edited(line: dict[str, Any]) -> dict[str, Any]:
    return {**line, "entry": {**line["entry"], "actor": "other"}}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda lines: [*lines[:5], _edited(lines[5]), *lines[6:]], "the entry 5 is not what its leaf says"),
        (lambda lines: [*lines[:5], *lines[6:]], "entries are missing after 4"),
        (lambda lines: [*lines[:5], lines[6], lines[5], *lines[7:]], "entries are missing after 4"),
        (lambda lines: [*lines[:12], *lines[13:]], "cut off after the entry 11"),
        (lambda lines: lines[:-1], "there is no checkpoint"),
        (lambda lines: [*lines[:-1], {"checkpoint": lines[-1]["checkpoint"].replace("\n12\n", "\n11\n")}], "signature"),
        (lambda lines: lines[1:], "damaged"),
        (lambda lines: [*lines[:3], {"entry": {}, "leaf": "", "index": 2}, *lines[4:]], "damaged"),
    ],
)
def test_a_stranger_finds_what_was_done_to_an_export(desk: Any, tmp_path: Path, change: Any, words: str) -> None:
    desk.signed(12)
    audit(desk, "export", str(tmp_path / "export"))
    lines = [json.loads(line) for line in (tmp_path / "export").read_text("utf-8").splitlines()]
    (tmp_path / "changed").write_text("".join(json.dumps(line) + "\n" for line in change(lines)), "utf-8")
    found = stranger(tmp_path / "changed")
    assert (found.returncode, found.stderr) == (1, "")
    assert words in found.stdout


def test_beginning_anew_keeps_the_old_evidence_and_starts_a_new_log(desk: Any) -> None:
    """After a lost key the way on is one command; what was signed is still there to be verified."""
    first = desk.signed(12)
    notes = desk.notes()
    (desk.folder / "format.json").write_text('{"version": 1}')
    (desk.folder / KEY_FILE).unlink()
    assert audit(desk, "anew", "--yes") == 0
    (aside,) = desk.folder.glob("audit-until-*")
    assert (aside / "checkpoints").read_text() == (aside / "checkpoints-in-the-database").read_text()
    second = desk.open()
    second.finish()
    assert second.key.public != first.key.public
    assert [note in desk.notes() for note in notes] == [False]
    assert audit(desk, "verify") == 0
