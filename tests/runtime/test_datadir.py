"""One process owns a data directory, and nothing in it is guessed."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from steersman.model.errors import Conflict, Permanent
from steersman.runtime.datadir import FORMAT_VERSION, UPGRADES, DataDir, bootstrap_token, replace_file

HOLD = (
    "import pathlib, threading\n"
    "from steersman.runtime.datadir import DataDir\n"
    "DataDir.open(pathlib.Path({path!r}))\n"
    "print('held', flush=True)\n"
    "threading.Event().wait()\n"
)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.requirement("ASVS-13.3.2", "ASVS-16.4.2")
def test_a_new_directory_belongs_to_its_owner_alone(tmp_path: Path) -> None:
    directory = DataDir.open(tmp_path / "a" / "b")
    folders = [directory.telemetry, directory.database, directory.durable, directory.secrets]
    directory.close()
    assert [_mode(path) for path in (directory.path, *folders)] == [0o700] * 5
    assert json.loads((directory.path / "format.json").read_bytes())["version"] == FORMAT_VERSION
    assert all(_mode(file) == 0o600 for file in directory.path.iterdir() if file.is_file())


def test_a_second_process_is_told_who_holds_it(tmp_path: Path) -> None:
    script = HOLD.format(path=str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(Conflict, match=f"process {holder.pid}"):
            DataDir.open(tmp_path)
        holder.kill()
    DataDir.open(tmp_path).close()


def test_a_second_opening_in_the_same_process_is_refused_too(tmp_path: Path) -> None:
    directory = DataDir.open(tmp_path)
    with pytest.raises(Conflict, match=f"process {os.getpid()}"):
        DataDir.open(tmp_path)
    directory.close()
    DataDir.open(tmp_path).close()


def test_a_newer_format_is_refused_with_the_next_step(tmp_path: Path) -> None:
    DataDir.open(tmp_path, version=7, upgrades={}).close()
    with pytest.raises(Permanent, match=r"format 7.*newer version"):
        DataDir.open(tmp_path, version=6, upgrades={})


def test_an_older_format_is_upgraded_step_by_step(tmp_path: Path) -> None:
    DataDir.open(tmp_path, version=1).close()
    steps = {n: lambda path, n=n: (path / f"step-{n}").touch() for n in (1, 2)}
    DataDir.open(tmp_path, version=3, upgrades=steps).close()
    assert sorted(file.name for file in tmp_path.glob("step-*")) == ["step-1", "step-2"]
    assert json.loads((tmp_path / "format.json").read_bytes())["version"] == 3


def test_an_upgrade_that_fails_is_repeated_from_the_step_that_failed(tmp_path: Path) -> None:
    DataDir.open(tmp_path, version=1).close()
    ran: list[int] = []

    def fail(_path: Path) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(Permanent, match="No space left"):
        DataDir.open(tmp_path, version=3, upgrades={1: lambda _path: ran.append(1), 2: fail})
    DataDir.open(tmp_path, version=3, upgrades={1: lambda _path: ran.append(1), 2: lambda _path: ran.append(2)}).close()
    assert ran == [1, 2]


def test_a_format_that_is_too_old_names_the_version_in_between(tmp_path: Path) -> None:
    DataDir.open(tmp_path, version=1).close()
    with pytest.raises(Permanent, match="reads format 2"):
        DataDir.open(tmp_path, version=3, upgrades={2: lambda _path: None})
    DataDir.open(tmp_path, version=1).close()


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"version": "1"}', b'{"version": 0}', b'{"version": true}', b"\xff"]
)
def test_a_damaged_marker_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    DataDir.open(tmp_path).close()
    (tmp_path / "format.json").write_bytes(content)
    with pytest.raises(Permanent, match="damaged"):
        DataDir.open(tmp_path)
    assert (tmp_path / "format.json").read_bytes() == content


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(Permanent, match=r"thesis\.txt"):
        DataDir.open(tmp_path)
    assert not (tmp_path / "telemetry").exists()


def test_a_kill_before_the_marker_was_in_place_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    (tmp_path / "format.json.new").write_text('{"vers')
    DataDir.open(tmp_path).close()


def test_a_path_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Permanent, match="cannot be used"):
        DataDir.open(tmp_path / "file")


def test_every_older_format_can_be_upgraded() -> None:
    assert set(UPGRADES) == set(range(1, FORMAT_VERSION))


@pytest.mark.requirement("ASVS-13.2.3")
def test_a_token_is_made_once_and_kept_for_its_owner(tmp_path: Path) -> None:
    directory = DataDir.open(tmp_path)
    token, new = bootstrap_token(directory, None)
    again = bootstrap_token(directory, None)
    directory.close()
    assert (new, again) == (True, (token, False))
    assert len(token) >= 32
    assert [_mode(file) for file in directory.secrets.iterdir()] == [0o600]


def test_a_configured_token_wins_and_is_not_stored(tmp_path: Path) -> None:
    directory = DataDir.open(tmp_path)
    assert bootstrap_token(directory, SecretStr("from-outside")) == ("from-outside", False)
    assert list(directory.secrets.iterdir()) == []
    directory.close()


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe"])
def test_a_damaged_token_is_reported_and_not_replaced_in_silence(tmp_path: Path, content: bytes) -> None:
    directory = DataDir.open(tmp_path)
    (directory.secrets / "bootstrap-token").write_bytes(content)
    with pytest.raises(Permanent, match="bootstrap-token"):
        bootstrap_token(directory, None)
    directory.close()


def test_half_a_file_is_never_put_over_a_whole_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up takes a part of what is written and only then refuses."""
    target = tmp_path / "keys"
    target.write_bytes(b"the old keys")
    write = os.write
    answers = iter([5, 0])

    def short(descriptor: int, content: bytes) -> int:
        most = next(answers)
        if not most:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, bytes(content)[:most])

    monkeypatch.setattr(os, "write", short)
    with pytest.raises(OSError, match="No space left"):
        replace_file(tmp_path / "keys.new", target, b"the new keys")
    assert target.read_bytes() == b"the old keys"
