"""`steersman user` and `steersman key` against a running platform: the first admin's way in."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

PASSWORD = "a green kettle sings by itself"
PROGRAM = str(Path(sys.executable).with_name("steersman"))


class Running:
    """A platform on a free port, and the command line beside it."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.url = folder, f"http://127.0.0.1:{port}"

    def run(self, *words: str, typed: str = "") -> tuple[int, str]:
        command = [PROGRAM, *words, "--url", self.url, "--data", str(self.folder / "data")]
        done = subprocess.run(
            command, input=typed, capture_output=True, text=True, timeout=60, check=False, env=_environment()
        )
        return done.returncode, done.stdout + done.stderr

    def ask(self, path: str, token: str = "", form: dict[str, str] | None = None) -> tuple[int, str]:
        body = None if form is None else urllib.parse.urlencode(form).encode()
        headers = {"authorization": f"Bearer {token}"} if token else {}
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url + path, body, headers), timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("STEERSMAN_")}


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [PROGRAM, "up", "--data", str(tmp_path / "data"), "--listen", f"127.0.0.1:{port}"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=_environment(), cwd=tmp_path)
    found, end = Running(tmp_path, port), time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        try:
            if found.ask("/readyz")[0] == 200:
                break
        except OSError:
            time.sleep(0.05)
    try:
        yield found
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.slow
def test_the_first_admin_signs_in_and_makes_a_key(running: Running) -> None:
    """With the token that the first start printed; no password is printed, and the key is shown once."""
    code, said = running.run("user", "add", "ines", "--role", "admin", typed=PASSWORD + "\n")
    assert (code, said) == (0, "ines is added, with admin\n")
    status, answer = running.ask(
        "/auth/token", form={"grant_type": "password", "username": "ines", "password": PASSWORD}
    )
    assert status == 200
    assert running.ask("/auth/me", json.loads(answer)["access_token"])[0] == 200
    assert running.run("user", "add", "robot", "--service", "--role", "viewer") == (0, "robot is added, with viewer\n")
    code, key = running.run("key", "add", "robot", "--scope", "platform.status.read", "--label", "a test")
    assert running.ask("/api/platform/status", key.strip())[0] == 200
    assert running.ask("/metrics", key.strip())[0] == 403
    code, listed = running.run("key", "list", "robot")
    assert "a test" in listed
    assert key.strip() not in listed
    assert running.run("key", "revoke", listed.split()[0])[0] == 0
    assert running.ask("/api/platform/status", key.strip())[0] == 401
    code, said = running.run("user", "disable", "ines")
    assert (code, "another person first" in said) == (1, True)
    assert running.run("user", "add", "bo", "--role", "admin", typed=PASSWORD + "\n")[0] == 0
    assert running.run("user", "disable", "ines")[0] == 0
    assert running.ask("/auth/me", json.loads(answer)["access_token"])[0] == 401
    assert "disabled" in running.run("user", "list")[1]


@pytest.mark.slow
def test_a_refused_password_says_why_and_ends_with_an_error(running: Running) -> None:
    code, said = running.run("user", "add", "ines", typed="password1234\n")
    assert code == 2
    assert "tried first" in said
    assert "password1234" not in said


@pytest.mark.slow
def test_tenants_groups_and_roles_are_looked_after_from_the_command_line(running: Running) -> None:
    """A tenant gets its first administrator by a link, and what a group holds is gone with it."""
    assert running.run("tenant", "add", "acme", "--title", "Acme") == (0, "acme is added\n")
    code, said = running.run("user", "add", "anna", "--role", "admin", "--invite", "--tenant", "acme")
    assert (code, "/auth/invitation?token=stmi_" in said) == (0, True)
    assert running.run("user", "list", "--tenant", "acme")[1].split()[:4] == ["anna", "person", "active", "admin"]
    assert "anna" not in running.run("user", "list")[1]
    assert running.run("tenant", "disable", "acme")[0] == 0
    assert running.run("tenant", "list")[1].splitlines()[0].split() == ["acme", "disabled", "Acme"]
    code, said = running.run("role", "add", "scribe", "telemetry.logs.read", "--what-for", "Reads.")
    assert (code, said) == (0, "scribe grants telemetry.logs.read\n")
    assert running.run("role", "show", "scribe") == (0, "telemetry.logs.read\n")
    running.run("user", "add", "robot", "--service")
    running.run("group", "add", "crew", "--role", "scribe")
    assert running.run("group", "put-in", "crew", "robot") == (0, "robot is in crew\n")
    assert running.run("group", "show", "crew") == (0, "roles    scribe\nmembers  robot\n")
    assert "groups: crew" in running.run("user", "list")[1]
    assert running.run("group", "take-out", "crew", "robot")[0] == 0
    assert running.run("role", "remove", "scribe")[0] == 0
    code, said = running.run("group", "put-in", "nothing", "robot")
    assert (code, said) == (1, "steersman: there is no group 'nothing'\n")


@pytest.mark.slow
def test_every_account_is_listed_however_many_there_are(running: Running) -> None:
    """The operation answers a thousand at most, and the command goes on."""
    database = sqlite3.connect(running.folder / "data" / "database" / "control.sqlite3")
    with database:
        database.executemany(
            "INSERT INTO identity_accounts (id, tenant, name, email, kind, disabled, created_ms)"
            " VALUES (?, 'default', ?, '', 'service', 0, 1)",
            [(f"{number:036}", f"robot{number:05}") for number in range(1_201)],
        )
    database.close()
    lines = running.run("user", "list")[1].splitlines()
    assert [line.split()[0] for line in lines] == [f"robot{number:05}" for number in range(1_201)]
