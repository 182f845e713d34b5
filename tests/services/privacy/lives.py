"""Lives of a process that erases somebody, killed before or after any of its commits: run by `test_kill.py`.

Usage: lives.py FOLDER STEP...: for each step the first life is killed there and another one is let
live. One line of JSON for each says what was left. Each life is a fork of this process, so that the imports are paid
once. Database, journal, key ring, identity and the kinds of data of four services are the real ones.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select

from steersman.contract.fakes import fake_ports
from steersman.contract.ports import Caller, Context, Sealing, Subjects
from steersman.contract.service import Service
from steersman.model.ids import DEFAULT_TENANT, Id
from steersman.runtime.actions import waiting
from steersman.runtime.clock import SystemClock
from steersman.runtime.database.engine import open_engine
from steersman.runtime.database.journal import SqlJournal, journal
from steersman.runtime.database.migrate import HOUSE_LINEAGE, migrate
from steersman.runtime.database.sql import SqlDatabase
from steersman.runtime.database.subjects import SealedSubjects
from steersman.runtime.datadir import DataDir
from steersman.runtime.house import ITSELF, House
from steersman.runtime.identity import accounts
from steersman.runtime.identity.accounts import Account, Kind
from steersman.runtime.identity.evidence import AccountNames
from steersman.runtime.identity.identity import Identity
from steersman.runtime.identity.settings import IdentitySettings
from steersman.runtime.ids import RandomIds
from steersman.runtime.keys.keyring import KeyRing
from steersman.runtime.keys.settings import KeySettings
from steersman.runtime.keys.vault import wrapping_of
from steersman.services.operations.store import executions, tables
from steersman.services.operations.store.personal import PERSONAL as PEOPLE
from steersman.services.optimizer.store.personal import PERSONAL as EXPERIMENTS
from steersman.services.optimizer.store.tables import prepare as prepare_experiments
from steersman.services.privacy.jobs import _go_on
from steersman.services.privacy.store import persons, requests
from steersman.services.privacy.store import tables as own
from steersman.services.runbooks.jobs import PERSONAL as OUTPUTS
from steersman.services.runbooks.model import Ran, RunbookSettings
from steersman.services.runbooks.store import opened

NAME, EMAIL = "leocadia.featherstone", "leocadia@featherstone.example"
ACCOUNT = Id("00000000-0000-7000-8000-0000000000aa")


class Steps:
    """Counts commits, and kills this process before or after one of them."""

    def __init__(self, die_at: int) -> None:
        self._die_at, self.count = die_at, 0

    def __call__(self) -> None:
        self.count += 1
        if self.count == self._die_at:
            os.kill(os.getpid(), signal.SIGKILL)


class Database:
    def __init__(self, database: SqlDatabase, step: Steps) -> None:
        self._database, self._step = database, step
        self.reading = database.reading

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        with self._database.transaction() as connection:
            yield connection
            self._step()
        self._step()


@asynccontextmanager
async def living(folder: Path, step: Steps, url: str | None = None) -> Any:
    """Yield the context of privacy in a platform with nothing else to do, on SQLite unless a database is given."""
    directory, clock = DataDir.open(folder), SystemClock()
    plain = SqlDatabase(open_engine(url, directory.database))
    migrate(plain, [HOUSE_LINEAGE])
    ids = RandomIds(clock)
    # What is not the erasure's own is not counted.
    subjects = SealedSubjects.open(plain, ids, clock, folder, AccountNames())
    ring = KeyRing.open(directory.secrets, plain, clock, wrapping_of(KeySettings()))
    provided: dict[type, Any] = {Subjects: subjects, Sealing: ring}
    database = Database(plain, step)
    ports = fake_ports(
        folder, clock=clock, ids=ids, database=database, journal=SqlJournal(plain, subjects), provided=provided
    )
    runs = opened(RunbookSettings(), folder)

    @asynccontextmanager
    async def with_runs(_ports: Any) -> Any:
        yield runs

    services = [
        Service(name="privacy", help="", personal=persons.PERSONAL),
        Service(name="operations", help="", personal=PEOPLE),
        Service(name="optimizer", help="", personal=EXPERIMENTS),
        Service(name="runbooks", help="", personal=OUTPUTS, lifespan=with_runs),
    ]
    house = House(services, ports, provided)
    provided |= {House: house, Identity: Identity.open(ports, services, IdentitySettings())}
    for prepare in (own.prepare, waiting.prepare, tables.prepare, executions.prepare, prepare_experiments):
        prepare(plain)
    step.count = 0
    try:
        async with house.running():
            yield house.context(services[0], ITSELF), runs
    finally:
        plain.close()
        directory.close()


def known(context: Context, runs: Any) -> None:
    """Let somebody be known, in every place."""
    account = Account(ACCOUNT, DEFAULT_TENANT, NAME, EMAIL, Kind.PERSON, False, 1, ())
    said = {"tenant": DEFAULT_TENANT, "incident": "i", "kind": "right", "time_ms": 1}
    with context.ports.database.transaction() as transaction:
        accounts.add_account(transaction, account, None)
        transaction.execute(insert(tables.feedback).values(**said, actor=NAME, text="mine"))
        transaction.execute(insert(tables.feedback).values(**said, actor="somebody", text=f"{NAME} did it"))
    runs.end("key", Ran("page", 0, f"told {EMAIL}"))
    one = next(iter(persons_of(context)))
    asking = Context(Caller("root", permissions=frozenset({"*"})), context.ports, None)
    requests.ask(asking, one, "they asked")


def persons_of(context: Context) -> list[Any]:
    from steersman.services.privacy.store import accounts as stored

    with context.ports.database.reading() as connection:
        return stored.persons(connection, [ACCOUNT])


async def begin(folder: Path) -> None:
    async with living(folder, Steps(0)) as (context, runs):
        known(context, runs)


async def live(folder: Path, die_at: int) -> None:
    async with living(folder, Steps(die_at)) as (context, _runs):
        for erasure in requests.unfinished(context):
            await asyncio.to_thread(_go_on, context, erasure)


async def told(folder: Path) -> dict[str, Any]:
    async with living(folder, Steps(0)) as (context, runs):
        with context.ports.database.reading() as connection:
            done = select(journal.c.type).where(journal.c.type == "privacy.erasure.done")
            said = [[row.actor, row.text] for row in connection.execute(select(tables.feedback))]
            lines = len(connection.execute(done).all())
            state = connection.execute(select(own.requests)).one()
        return {
            "done": state.done_ms is not None,
            "sealed": state.sealed is not None,
            "steps": [f"{step['service']}.{step['name']}" for step in state.steps],
            "search": state.steps[-1]["outcome"] if state.steps else "",
            "lines": lines,
            "said": said,
            "output": runs.ended("key").output,
        }


def fork(folder: Path, work: Any, *given: Any) -> int:
    """Run it in a process of its own, and return how that ended."""
    if (child := os.fork()) == 0:
        asyncio.run(work(folder, *given))
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(folder: Path, steps: list[int]) -> None:
    for step in steps:
        life = folder / str(step)
        fork(life, begin)
        ends = [fork(life, live, step), fork(life, live, 0)]
        if (child := os.fork()) == 0:
            print(json.dumps({"ends": ends, **asyncio.run(told(life))}), flush=True)
            os._exit(0)
        os.waitpid(child, 0)
        shutil.rmtree(life)


if __name__ == "__main__":
    main(Path(sys.argv[1]), [int(step) for step in sys.argv[2:]])
