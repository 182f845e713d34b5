"""Many refreshes of one token at once, on both databases: one successor, and nobody signed out by mistake."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from steersman.contract.fakes import FakeClock, SeededIds, fake_ports
from steersman.runtime.database.engine import open_engine
from steersman.runtime.database.journal import SqlJournal
from steersman.runtime.database.migrate import HOUSE_LINEAGE, migrate
from steersman.runtime.database.sql import SqlDatabase
from steersman.runtime.identity import accounts, sessions
from steersman.runtime.identity.accounts import Account, Kind
from steersman.runtime.identity.identity import Identity
from steersman.runtime.identity.settings import IdentitySettings


def open_real(url: str, folder: Path) -> tuple[Identity, SqlDatabase]:
    database = SqlDatabase(open_engine(url, folder))
    migrate(database, [HOUSE_LINEAGE])
    clock = FakeClock()
    ports = fake_ports(folder, clock=clock, ids=SeededIds(os.getpid()), database=database, journal=SqlJournal(database))
    return Identity.open(ports, [], IdentitySettings()), database


def begin(identity: Identity, name: str = "ines") -> str:
    """A session without the cost of a password."""
    ports = identity.ports
    with ports.database.transaction() as transaction:
        row = accounts.row_of(transaction, name)
        if row is None:
            account = Account(ports.ids.new(), "default", name, "", Kind.PERSON, False, 0)  # type: ignore[arg-type]
            accounts.add_account(transaction, account, None)
            row = accounts.row_of(transaction, name)
        return sessions.begin(transaction, ports.ids.new(), row.id, "", "", identity.now_ms())


def storm(identity: Identity, token: str, threads: ThreadPoolExecutor, count: int = 200) -> Counter[str]:
    """So many refreshes of one token at once; what came out of them."""
    gate = threading.Barrier(8)

    def one(number: int) -> str:
        if number < 8:
            gate.wait(30)
        return identity.refreshed(token, "").refresh

    return Counter(threads.map(one, range(count)))


def test_200_concurrent_refreshes_give_one_successor(url: str, tmp_path: Path) -> None:
    """No false sign-out, no second successor, whatever the order."""
    identity, database = open_real(url, tmp_path)
    with ThreadPoolExecutor(8) as threads:
        token = begin(identity)
        for _ in range(3):
            found = storm(identity, token, threads)
            assert list(found.values()) == [200]
            token = next(iter(found))
    database.close()


@pytest.mark.full
def test_a_thousand_rounds_of_200_refreshes_on_sqlite(tmp_path: Path) -> None:
    identity, database = open_real(f"sqlite:///{tmp_path / 'control.sqlite3'}", tmp_path)
    with ThreadPoolExecutor(8) as threads:
        token = begin(identity)
        for _ in range(1000):
            found = storm(identity, token, threads)
            assert list(found.values()) == [200]
            token = next(iter(found))
    database.close()


#: One worker of several: it refreshes each token that it reads so often, and prints what came out.
_WORKER = """
import runpy, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
test = runpy.run_path(sys.argv[1])
identity, database = test["open_real"](sys.argv[2], Path(sys.argv[3]))
print("ready", flush=True)
with ThreadPoolExecutor(8) as threads:
    for line in sys.stdin:
        print(" ".join(test["storm"](identity, line.strip(), threads, 50)), flush=True)
"""


@pytest.mark.slow
@pytest.mark.needs("postgresql")
def test_four_processes_give_one_successor_on_postgres(postgres_url: str, tmp_path: Path) -> None:
    """200 refreshes of one token, 50 in each of four processes that share a data directory."""
    identity, database = open_real(postgres_url, tmp_path)
    token = begin(identity)
    command = [sys.executable, "-c", textwrap.dedent(_WORKER), __file__, postgres_url, str(tmp_path)]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    workers = [subprocess.Popen(command, **pipes) for _ in range(4)]
    try:
        assert [worker.stdout.readline() for worker in workers] == ["ready\n"] * 4  # type: ignore[union-attr]
        for _ in range(25):
            for worker in workers:
                worker.stdin.write(token + "\n")  # type: ignore[union-attr]
                worker.stdin.flush()  # type: ignore[union-attr]
            found = {worker.stdout.readline().strip() for worker in workers}  # type: ignore[union-attr]
            assert len(found) == 1
            (token,) = found
            assert " " not in token
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()
    database.close()
