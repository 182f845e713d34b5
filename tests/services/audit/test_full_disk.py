"""Where the journal cannot be written, what belongs into it is refused: there is no success that nobody knows of."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from steersman.services.audit.commands.prove.victim import Victim, ask
from steersman.services.audit.commands.prove.writers import PASSWORD
from steersman.services.audit.store.pairs import Expected, wrong

pytestmark = [pytest.mark.slow, pytest.mark.needs("mounts")]

_MIB = 1 << 20
#: The write-ahead log of SQLite may have room inside of itself for so many more.
_TRIES = 400


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A data directory on a file system of its own."""
    (tmp_path / "data").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m", "none", tmp_path / "data"], check=True)
    yield tmp_path
    subprocess.run(["umount", "--lazy", tmp_path / "data"], check=True)


def fill(data: Path) -> Path:
    filler = data / "audit" / "filler"
    with filler.open("wb", buffering=0) as file:
        for block in (_MIB, 1024, 1):
            try:
                while file.write(b"x" * block) == block:
                    pass
            except OSError:
                continue
    return filler


def refused(port: int, request: Callable[[int], tuple[Any, ...]], done: list[str], **more: Any) -> bool:
    """Repeat a request, another one each time, until it is refused for want of room."""
    for number in range(_TRIES):
        method, path, body = request(number)
        status, answer = ask(port, method, path, body, **more)
        if status == 503:
            return True
        assert status in (200, 201), (method, path, status, answer)
        done.append(f"{method} {path}")
    return False


@pytest.mark.requirement("ASVS-16.5.2", "ASVS-16.5.3", "SOC2-CC7.2")
def test_a_full_disk_lets_nothing_happen_that_is_not_in_the_journal(small: Path) -> None:
    victim, done = Victim(small, None), list[str]()
    victim.wait_ready()
    port = victim.port
    ask(port, "POST", "/api/identity/users", {"name": "robot", "kind": "service", "roles": ["viewer"]})
    ask(port, "POST", "/api/identity/users", {"name": "ada", "password": PASSWORD, "roles": ["viewer"]})
    filler = fill(small / "data")
    key = {"label": "x", "scopes": ["*"], "days": 1}
    kinds: list[Callable[[int], tuple[Any, ...]]] = [
        lambda number: ("POST", "/api/identity/users", {"name": f"robot-{number}", "kind": "service"}),
        lambda _number: ("POST", "/api/identity/users/robot/keys", key),
        lambda number: ("PATCH", "/api/identity/users/ada", {"roles": ["viewer", "user"][: number % 2 + 1]}),
        lambda _number: ("GET", "/api/audit/entries?limit=1", None),
    ]
    assert [refused(port, kind, done) for kind in kinds] == [True] * len(kinds)
    form = {"grant_type": "password", "username": "ada", "password": PASSWORD}
    assert refused(port, lambda _number: ("POST", "/auth/token", None), done, form=form, token="")
    names = {account["name"] for account in ask(port, "GET", "/api/identity/users")[1]}
    keys = {one["id"] for one in ask(port, "GET", "/api/identity/users/robot/keys")[1]}
    filler.unlink()
    assert ask(port, "POST", "/api/identity/users/robot/keys", key)[0] == 201
    victim.kill()
    assert list(wrong(small / "data", None, Expected(names, keys, set()))) == []
