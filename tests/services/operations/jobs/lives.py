"""Lives of a process that carries out a plan and takes it back, killed at any step: run by `test_kill.py`.

Usage: lives.py FOLDER STEP[,STEP...] ... : for each argument the first life is killed with SIGKILL at the first STEP, the
next one at the second, and a last one is let live. Each life is a fork of this process, so that the imports are paid once.
Steps are numbers, or a name; `-` lives on. One line of JSON per argument says what was left. With `two:` before the steps
the action asks for two people, who approve one after the other; whoever was killed amid that approves again.

The effect is a line in a file. Nothing else is special: DBOS, SQLite, the journal and the actions are the real ones, and
what dies is wrapped around them here.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import dbos  # noqa: F401 - paid for once, before the forks

from steersman.contract.fakes import fake_ports
from steersman.contract.ports import Caller, Context
from steersman.contract.service import Action, Preview, Risk, Service
from steersman.model.entities import CauseKind, Entity, EntityKind
from steersman.model.errors import Conflict
from steersman.model.ids import DEFAULT_TENANT, Id
from steersman.model.plans import Autonomy, Plan, PlanState, Policy, Remedy, Verdict, VerdictKind
from steersman.model.rounds import Decided, Judged, Progress
from steersman.runtime.actions import Actions, Approvals
from steersman.runtime.clock import SystemClock
from steersman.runtime.database.engine import open_engine
from steersman.runtime.database.journal import SqlJournal
from steersman.runtime.database.migrate import HOUSE_LINEAGE, migrate
from steersman.runtime.database.sql import SqlDatabase
from steersman.runtime.durable.dbos import DbosWork
from steersman.runtime.house import House
from steersman.runtime.identity import accounts
from steersman.runtime.identity.accounts import Account, Kind
from steersman.runtime.identity.identity import Identity
from steersman.runtime.identity.settings import IdentitySettings
from steersman.runtime.ids import RandomIds
from steersman.services.operations.jobs.execute import Executor
from steersman.services.operations.jobs.inbox import Inbox
from steersman.services.operations.store import executions, tables
from steersman.services.operations.store.recording import Chronicle

PATIENCE_SECONDS = 30.0
PLAN = Id("00000000-0000-7000-8000-000000000001")
PEOPLE = {"ines": Id("00000000-0000-7000-8000-00000000000a"), "otto": Id("00000000-0000-7000-8000-00000000000b")}


class Steps:
    """Counts and names what happens, and kills this process at one of them."""

    def __init__(self, log: Path, die_at: str) -> None:
        self._log, self._die_at, self._count = log, die_at, 0
        self._lock = threading.Lock()

    def __call__(self, name: str) -> None:
        with self._lock:
            self._count += 1
            with self._log.open("a") as log:
                log.write(f"{self._count} {name}\n")
            if self._die_at in (str(self._count), name):
                os.kill(os.getpid(), signal.SIGKILL)


class Database:
    """Dies after a commit; before it is before what the journal gets in it."""

    def __init__(self, database: SqlDatabase, step: Steps) -> None:
        self._database, self._step = database, step
        self.reading = database.reading

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        with self._database.transaction() as connection:
            yield connection
        self._step("after a commit")


class Journal(SqlJournal):
    """Dies before something is written."""

    step: Steps

    def append(self, transaction: Any, entries: Any) -> None:
        for entry in entries:
            self.step(f"before {entry.type}")
        super().append(transaction, entries)


class Letters(Inbox):
    """Dies before the loop is told, or after it."""

    step: Steps

    def tell(self, **told: Any) -> None:
        self.step("before telling")
        super().tell(**told)
        self.step("after telling")


class Durable(DbosWork):
    """Dies before work is started, or after it."""

    step: Steps

    def start(self, name: str, key: str, args: Any) -> None:
        self.step(f"before the start of {name}")
        super().start(name, key, args)
        self.step(f"after the start of {name}")


@dataclass(frozen=True)
class Line:
    text: str


class Target:
    """A file of lines: an effect is one more, and so is an undo."""

    def __init__(self, path: Path, step: Steps) -> None:
        self.path, self.step = path, step

    @property
    def lines(self) -> list[str]:
        return self.path.read_text().splitlines() if self.path.exists() else []

    def add(self, line: str) -> None:
        self.step(f"before the effect: {line}")
        with self.path.open("a") as file:
            file.write(f"{line}\n")
        self.step(f"after the effect: {line}")


def apply(context: Context, _key: str, args: Line) -> Line:
    assert context.prior is not None
    if len(context.state.lines) == context.prior["lines"]:
        context.state.add(args.text)
    return args


def undo(context: Context, _key: str, args: Line, _result: Line) -> None:
    assert context.prior is not None
    if len(context.state.lines) == context.prior["lines"] + 1:
        context.state.add(f"not {args.text}")


WRITE = Action(
    name="write",
    help="Write a line.",
    args=Line,
    result=Line,
    permission="file.line.write",
    risk=Risk.REVERSIBLE,
    preview=lambda _context, args: Preview(f"write {args.text}", "take it back"),
    inspect=lambda context, _args: {"lines": len(context.state.lines)},
    apply=apply,
    undo=undo,
    target_kind=EntityKind.SERVICE,
    target=lambda _args: Entity(EntityKind.SERVICE, "file"),
)
PERMISSIONS = {"file.line.write": "Write.", "operations.plans.approve": "Approve."}
SERVICE = Service(name="file", help="", actions=(WRITE,), permissions=PERMISSIONS)


def plan(now_ms: int, *, two_people: bool = False) -> Plan:
    remedy = Remedy(
        action="file.write",
        args={"text": "done"},
        target=Entity(EntityKind.SERVICE, "file"),
        cause=CauseKind.HANG,
        risk=Risk.REVERSIBLE,
        summary="write",
        reversible=True,
        two_people=two_people,
    )
    return Plan(
        id=PLAN,
        incident=Id("00000000-0000-7000-8000-000000000002"),
        remedy=remedy,
        cause="hang@service:file",
        confidence=1,
        autonomy=Autonomy.APPROVE if two_people else Autonomy.ACT,
        decided_ms=now_ms,
        reason="it hangs",
        state=PlanState.AWAITING_APPROVAL if two_people else PlanState.APPROVED,
    )


class Life:
    """One process: what the loop would do with a plan, and its end."""

    def __init__(self, folder: Path, die_at: str, *, two_people: bool = False) -> None:
        self.two_people = two_people
        self.step = step = Steps(folder / "steps", die_at)
        database: Any = SqlDatabase(open_engine(None, folder))
        migrate(database, [HOUSE_LINEAGE])
        tables.prepare(database)
        executions.prepare(database)
        self.clock, self.inbox = SystemClock(), Letters()
        self.journal, self.durable = Journal(database), Durable(folder, self.clock)
        Journal.step = Letters.step = Durable.step = step
        provided: dict[type, Any] = {}
        if two_people:
            self._let_in(folder, database, provided)
        database = Database(database, step)
        self.ports = fake_ports(
            folder,
            clock=self.clock,
            ids=RandomIds(self.clock),
            database=database,
            journal=self.journal,
            durable=self.durable,
            provided=provided,
        )
        service = replace(SERVICE, actions=(replace(WRITE, four_eyes=two_people),))
        house = House([service], self.ports, provided)
        house._states["file"] = Target(folder / "target", step)
        provided |= {House: house, Actions: Actions(self.ports)}
        if two_people:
            provided[Approvals] = Approvals.open(self.ports, [service], ())
        self.executor = Executor.open(self.ports, self.inbox, lambda _now_ms: Policy())

    def _let_in(self, folder: Path, database: Any, provided: dict[type, Any]) -> None:
        """Open identity without any step to die at, and make the two where they are not there yet."""
        ports = fake_ports(
            folder,
            clock=self.clock,
            ids=RandomIds(self.clock),
            database=database,
            journal=self.journal,
            provided=provided,
        )
        provided[Identity] = Identity.open(ports, [SERVICE], IdentitySettings())
        for name, account_id in PEOPLE.items():
            with suppress(Conflict), database.transaction() as transaction:
                account = Account(account_id, DEFAULT_TENANT, name, "", Kind.PERSON, False, 0, ("admin",))
                accounts.add_account(transaction, account, None)

    def _approve(self) -> None:
        """Let both say yes, whoever of them did before."""
        for name, account_id in PEOPLE.items():
            caller = Caller(name, permissions=frozenset({"*"}), account=account_id, session=f"of {name}")
            with suppress(Conflict):
                self.executor.approve(PLAN, caller)

    def _plan(self) -> Plan:
        return plan(self._now_ms(), two_people=self.two_people)

    def live(self) -> None:
        """Decide, see it applied, judge, see it undone; going on wherever an earlier life ended."""
        self.durable.open()
        threading.Thread(target=lambda: asyncio.run(self.durable.run()), daemon=True).start()
        told = list(self.executor.recover())
        if self._recorded() is None:
            self._record(Decided(self._plan()))
            self.executor.submit(self._plan())
        if self.two_people:
            self._approve()
        self._hear(told, lambda one: one.state in ("verifying", "undone"))
        if self._recorded() is not PlanState.WORSE:
            verdict = Verdict(plan=PLAN, kind=VerdictKind.WORSE, time_ms=self._now_ms(), reason="worse")
            judged = Judged(plan=replace(self._plan(), state=PlanState.WORSE), verdict=verdict, undo=True)
            self._record(judged)
            self.executor.judged(judged)
        self._hear(told, lambda one: one.state == "undone")

    def _now_ms(self) -> int:
        return self.clock.wall_ns() // 1_000_000

    def _recorded(self) -> PlanState | None:
        with self.ports.database.reading() as connection:
            row = connection.execute(tables.plans.select()).one_or_none()
        return None if row is None else PlanState(row.state)

    def _record(self, command: Decided | Judged) -> None:
        with self.ports.database.transaction() as transaction:
            Chronicle(self.journal, self.ports.ids).record(transaction, DEFAULT_TENANT, [command], self._now_ms())

    def _hear(self, told: list[Progress], wanted: Callable[[Progress], bool]) -> None:
        ends = self.clock.monotonic() + PATIENCE_SECONDS
        while not any(map(wanted, told)):
            if self.clock.monotonic() > ends:
                raise TimeoutError(f"the loop heard only {[one.state for one in told]}")
            threading.Event().wait(0.005)
            told += self.inbox.take().progress


def live(folder: Path, die_at: str, two_people: bool) -> None:
    Life(folder, die_at, two_people=two_people).live()


def forked(work: Callable[[], None]) -> int:
    """Run in a fork and return how it ended: 0, or minus the signal."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - a fork must never go on as if it were its parent
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            sys.stderr.flush()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def left(folder: Path) -> dict[str, Any]:
    database = SqlDatabase(open_engine(None, folder))
    journal = SqlJournal(database)
    with database.reading() as connection:
        execution = executions.find(connection, PLAN)
    found = {
        "target": (folder / "target").read_text().split("\n")[:-1],
        "state": execution and execution.plan.state,
        "actions": [entry.type for entry in journal.read(limit=1000) if entry.type.startswith("action.")],
        "approvals": [entry.type for entry in journal.read(limit=1000) if entry.type.startswith("approval.")],
    }
    database.close()
    return found


def main(folder: Path, arguments: list[str]) -> None:
    for number, argument in enumerate(arguments):
        place = folder / str(number)
        place.mkdir()
        two_people, steps = argument.startswith("two:"), argument.removeprefix("two:")
        ends = [forked(partial(live, place, at, two_people)) for at in (*steps.split(","), "-")]
        walked = (place / "steps").read_text().splitlines()
        print(json.dumps({"killed_at": argument, "ends": ends, "steps": walked, **left(place)}), flush=True)


main(Path(sys.argv[1]), sys.argv[2:])
