"""`steersman prove refresh`: many refreshes of one token at once have one successor, and nobody is signed out by it.

Each round, every worker presents the same token from eight threads; what they get must be one and the same new token,
which is the next round's. With `--database` the workers are processes that share a PostgreSQL and a data directory, as
a platform behind several workers would; without, it is SQLite and one process.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import typer

from steersman.contract.fakes import fake_ports
from steersman.model.errors import Permanent, SteersmanError, Temporary
from steersman.model.ids import DEFAULT_TENANT
from steersman.runtime.clock import SystemClock
from steersman.runtime.database.engine import open_engine
from steersman.runtime.database.journal import SqlJournal
from steersman.runtime.database.migrate import HOUSE_LINEAGE, migrate
from steersman.runtime.database.sql import SqlDatabase
from steersman.runtime.identity import accounts, sessions
from steersman.runtime.identity.accounts import Account, Kind
from steersman.runtime.identity.identity import Identity
from steersman.runtime.identity.settings import IdentitySettings
from steersman.runtime.ids import RandomIds

_THREADS = 8


def refresh(
    rounds: Annotated[int, typer.Option(help="How many tokens, one after the other.")] = 1000,
    callers: Annotated[int, typer.Option(help="How many refreshes of each at once.")] = 200,
    workers: Annotated[int, typer.Option(help="How many processes share the database.")] = 1,
    database: Annotated[str | None, typer.Option(help="A PostgreSQL; without it, SQLite in a new folder.")] = None,
) -> None:
    """Count successors and false sign-outs; more than one successor of a token, or any sign-out, ends with 1."""
    if workers > 1 and database is None:
        raise Permanent("several workers share a PostgreSQL: name it with --database")
    with tempfile.TemporaryDirectory(prefix="steersman-refresh-") as folder, ExitStack() as stack:
        began, found = perf_counter(), _Found()
        identity = stack.enter_context(_opened(database, Path(folder)))
        team = stack.enter_context(_team(workers, database, Path(folder), callers // workers, identity))
        token = _first_token(identity)
        for _ in range(rounds):
            token = found.take(token, team(token))
        ended = found.ended + (0 if _alive(identity, token) else 1)
        typer.echo(
            f"{rounds} rounds of {callers} refreshes at once, {workers} worker(s), "
            f"{'PostgreSQL' if database else 'SQLite'}: {found.more} rounds with more than one successor, "
            f"{ended} false sign-outs, {perf_counter() - began:.0f} s"
        )
        if found.more or ended:
            raise Permanent("a token had more than one successor, or somebody was signed out")


class _Found:
    """What came out so far."""

    def __init__(self) -> None:
        self.more = self.ended = 0

    def take(self, before: str, answers: Sequence[str]) -> str:
        """Count one round and return the token of the next."""
        successors = sorted({answer for answer in answers if answer})
        self.more += len(successors) > 1
        self.ended += answers.count("")
        return successors[0] if successors else before


class _Team:
    """Presents one token everywhere at once."""

    def __init__(self, pipes: Sequence[Connection]) -> None:
        self._pipes = pipes

    def __call__(self, token: str) -> list[str]:
        for pipe in self._pipes:
            pipe.send(token)
        return [answer for pipe in self._pipes for answer in pipe.recv()]


@contextmanager
def _team(workers: int, database: str | None, folder: Path, callers: int, identity: Identity) -> Iterator[Any]:
    if workers == 1:
        with ThreadPoolExecutor(_THREADS) as threads:
            yield lambda token: _storm(identity, token, threads, callers)
        return
    context = multiprocessing.get_context("spawn")
    pairs = [context.Pipe() for _ in range(workers)]
    started = [
        context.Process(target=work, args=(theirs, database, folder, callers), daemon=True) for _, theirs in pairs
    ]
    for process in started:
        process.start()
    try:
        for ours, _ in pairs:
            ours.recv()
        yield _Team([ours for ours, _ in pairs])
    finally:
        for process in started:
            process.kill()
            process.join()


def work(pipe: Connection, database: str, folder: Path, callers: int) -> None:
    """Be one worker: answer each token with what its refreshes gave."""
    with _opened(database, folder) as identity, ThreadPoolExecutor(_THREADS) as threads:
        pipe.send("ready")
        while True:
            pipe.send(_storm(identity, pipe.recv(), threads, callers))


def _storm(identity: Identity, token: str, threads: ThreadPoolExecutor, callers: int) -> list[str]:
    gate = threading.Barrier(min(_THREADS, callers))

    def one(number: int) -> str:
        if number < gate.parties:
            gate.wait(60)
        try:
            return _refreshed(identity, token)
        except SteersmanError:
            return ""

    return list(threads.map(one, range(callers)))


def _refreshed(identity: Identity, token: str) -> str:
    """Refresh as a client does: a database that is busy is asked again, a refusal is one."""
    while True:
        try:
            return identity.refreshed(token, "").refresh
        except Temporary:
            continue


@contextmanager
def _opened(database: str | None, folder: Path) -> Iterator[Identity]:
    clock = SystemClock()
    with closing(SqlDatabase(open_engine(database, folder))) as opened:
        migrate(opened, [HOUSE_LINEAGE])
        journal = SqlJournal(opened)
        ports = fake_ports(folder, clock=clock, ids=RandomIds(clock), database=opened, journal=journal)
        yield Identity.open(ports, [], IdentitySettings())


def _first_token(identity: Identity) -> str:
    """Begin a session of a new account, without the cost of a password."""
    ports = identity.ports
    named = ports.ids.new()
    with ports.database.transaction() as transaction:
        account = Account(named, DEFAULT_TENANT, f"prove-{named}", "", Kind.PERSON, False, identity.now_ms())
        accounts.add_account(transaction, account, None)
        return sessions.begin(transaction, ports.ids.new(), account.id, "", "", identity.now_ms())


def _alive(identity: Identity, token: str) -> bool:
    try:
        return bool(identity.refreshed(token, "").refresh)
    except SteersmanError:
        return False
