"""What an action saw before its effect outlives a kill, and so do its limits; nothing hangs for ever."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from steersman.contract.fakes import FakeClock, fake_ports
from steersman.contract.ports import Caller, Context, JournalEntry, Ports
from steersman.contract.service import Action, Knob, Preview, Risk, Service
from steersman.model.entities import Entity, EntityKind
from steersman.model.errors import Conflict, NotFound, Temporary, Throttled
from steersman.runtime.actions import Actions, Done, NothingToDo, Overdue
from steersman.runtime.database.engine import open_engine
from steersman.runtime.database.journal import SqlJournal
from steersman.runtime.database.migrate import HOUSE_LINEAGE, migrate
from steersman.runtime.database.sql import SqlDatabase
from steersman.runtime.knobs import Knobs


@dataclass(frozen=True)
class Job:
    name: str


@dataclass
class Processes:
    """Pids by name; a restart gives the next one. `hold` keeps a restart waiting."""

    pids: dict[str, int] = field(default_factory=lambda: {"web": 100})
    hold: threading.Event = field(default_factory=threading.Event)
    heat: float = 5.0


def inspect(context: Context, args: Job) -> dict[str, int]:
    if args.name not in context.state.pids:
        raise NotFound(f"no process {args.name} runs")
    return {"pid": context.state.pids[args.name]}


def restart(context: Context, _key: str, args: Job) -> Job:
    assert context.prior is not None
    if context.state.pids[args.name] == context.prior["pid"]:
        context.state.pids[args.name] += 1
    return args


def wait(context: Context, _key: str, args: Job) -> Job:
    assert context.state.hold.wait(10)
    return args


RESTART = Action(
    name="restart",
    help="Restart.",
    args=Job,
    result=Job,
    permission="processes.one.write",
    risk=Risk.DISRUPTIVE,
    preview=lambda _context, args: Preview(f"restart {args.name}", "it cannot be undone"),
    inspect=inspect,
    apply=restart,
    target_kind=EntityKind.PROCESS,
    target=lambda args: Entity(EntityKind.PROCESS, args.name),
    compensate=lambda _context, _key, _args, _result: None,
    per_hour=2,
)
SERVICE = Service(name="processes", help="", actions=(RESTART,))
WEB = Job("web")


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    database = SqlDatabase(open_engine(None, tmp_path))
    migrate(database, [HOUSE_LINEAGE])
    ports = fake_ports(tmp_path, database=database, journal=SqlJournal(database))
    yield Context(Caller("somebody", permissions=frozenset({"*"})), ports, Processes())
    database.close()


class Killed(BaseException):
    """The end of a process, as far as a test can have it without one."""


class DyingJournal:
    """Dies instead of writing one type of entry."""

    def __init__(self, ports: Ports, type: str) -> None:
        self._journal, self._type = ports.journal, type

    def append(self, transaction: Any, entries: list[JournalEntry]) -> None:
        if any(entry.type == self._type for entry in entries):
            raise Killed
        self._journal.append(transaction, entries)


def dying(context: Context, type: str) -> Actions:
    journal: Any = DyingJournal(context.ports, type)
    return Actions(replace(context.ports, journal=journal))


def types(context: Context) -> list[str]:
    return [entry.type for entry in context.ports.journal.read()]


def test_the_intent_holds_what_was_there_before_the_effect(context: Context) -> None:
    """Identity and state of the target, before it is touched."""
    Actions(context.ports).perform(context, SERVICE, RESTART, WEB, "k")
    requested = context.ports.journal.read()[0]
    assert (requested.type, requested.payload["prior"]) == ("action.requested", {"pid": 100})


@pytest.mark.requirement("ASVS-2.3.3")
def test_a_kill_between_the_effect_and_its_record_does_not_double_it(context: Context) -> None:
    """The repeat sees what the first one saw, and so that it is done; there is one intent."""
    with pytest.raises(Killed):
        dying(context, "action.applied").perform(context, SERVICE, RESTART, WEB, "k")
    assert context.state.pids == {"web": 101}
    done = Actions(context.ports).perform(context, SERVICE, RESTART, WEB, "k")
    assert (context.state.pids, done.repeated) == ({"web": 101}, False)
    assert types(context) == ["action.requested", "action.applied"]


def test_a_kill_before_the_intent_leaves_nothing(context: Context) -> None:
    """What was not written down has not begun."""
    with pytest.raises(Killed):
        dying(context, "action.requested").perform(context, SERVICE, RESTART, WEB, "k")
    assert (context.state.pids, types(context)) == ({"web": 100}, [])


def test_an_intent_stands_for_its_arguments(context: Context) -> None:
    """Also before there is an outcome."""
    with pytest.raises(Killed):
        dying(context, "action.applied").perform(context, SERVICE, RESTART, WEB, "k")
    with pytest.raises(Conflict, match="other arguments"):
        Actions(context.ports).perform(context, SERVICE, RESTART, Job("db"), "k")


def test_a_target_that_vanished_is_nothing_to_do_with_evidence(context: Context) -> None:
    """It is no failure, and it stays so under this key."""
    for _ in range(2):
        with pytest.raises(NothingToDo, match="no process db runs"):
            Actions(context.ports).perform(context, SERVICE, RESTART, Job("db"), "k")
        context.state.pids["db"] = 7
    assert types(context) == ["action.requested", "action.idle"]
    idle = context.ports.journal.read()[1]
    assert (idle.payload["evidence"], idle.cause) == ("no process db runs", context.ports.journal.read()[0].id)
    with pytest.raises(NotFound, match="was not applied"):
        Actions(context.ports).undo(context, SERVICE, RESTART, "k")


def asked_again(actions: Actions, context: Context, action: Action[Any, Any]) -> Done | None:
    """Its thread lets go of the key a moment after the result is written."""
    try:
        return actions.perform(context, SERVICE, action, WEB, "slow")
    except Conflict:
        return None


def test_an_action_that_hangs_is_reported_and_holds_up_nobody(context: Context) -> None:
    """It goes on in its own thread; others act meanwhile, and its key tells the result in the end."""
    actions = Actions(context.ports)
    slow = replace(RESTART, name="wait", apply=wait, timeout_seconds=0.02)
    with pytest.raises(Overdue, match="goes on"):
        actions.perform(context, SERVICE, slow, WEB, "slow")
    with pytest.raises(Conflict, match="right now"):
        actions.perform(context, SERVICE, slow, WEB, "slow")
    actions.perform(context, SERVICE, RESTART, WEB, "quick")
    context.state.hold.set()
    while (done := asked_again(actions, context, replace(slow, timeout_seconds=30))) is None:
        threading.Event().wait(0.001)
    assert done.result == {"name": "web"}
    assert types(context)[:2] == ["action.requested", "action.overdue"]


def test_a_preview_that_hangs_is_given_up(context: Context) -> None:
    """Whoever asked is told."""
    slow = replace(RESTART, preview=lambda context, _args: context.state.hold.wait(10), timeout_seconds=0.01)
    with pytest.raises(Temporary, match="preview of restart is not done"):
        Actions(context.ports).preview(context, slow, WEB)
    context.state.hold.set()


@pytest.mark.requirement("ASVS-2.3.2")
def test_the_hour_of_an_action_outlives_the_process(context: Context) -> None:
    """Another process counts what this one did; a refusal leaves no trace and is not counted."""
    clock = context.ports.clock
    assert isinstance(clock, FakeClock)
    for key in ("1", "2"):
        Actions(context.ports).perform(context, SERVICE, RESTART, WEB, key)
        clock.tick(600)
    for _ in range(2):
        with pytest.raises(Throttled) as refused:
            Actions(context.ports).perform(context, SERVICE, RESTART, WEB, "3")
        assert refused.value.retry_after == 2400
    assert types(context).count("action.requested") == 2
    clock.tick(2400)
    Actions(context.ports).perform(context, SERVICE, RESTART, WEB, "3")


def test_a_clock_that_was_set_back_shuts_an_action_for_an_hour_at_most(context: Context) -> None:
    """What was done in the future is long ago soon."""
    clock = context.ports.clock
    assert isinstance(clock, FakeClock)
    for key in ("1", "2"):
        Actions(context.ports).perform(context, SERVICE, RESTART, WEB, key)
    clock.jump_wall(-100_000)
    with pytest.raises(Throttled) as refused:
        Actions(context.ports).perform(context, SERVICE, RESTART, WEB, "3")
    assert refused.value.retry_after == 3600


def set_heat(context: Context, value: float) -> None:
    context.state.heat = value


HEAT = Knob(
    name="heat",
    help="",
    default=5,
    low=0,
    high=10,
    step=1,
    cooldown_seconds=60,
    guard="x",
    permission="processes.one.write",
    read=lambda context: context.state.heat,
    write=set_heat,
)


def test_the_cooldown_of_a_knob_outlives_the_process_and_holds_no_turn_back(context: Context) -> None:
    """One step, then rest; what is taken back is taken back at once."""
    Knobs(context.ports).turn(context, SERVICE, HEAT, 6)
    with pytest.raises(Throttled):
        Knobs(context.ports).turn(context, SERVICE, HEAT, 7)
    assert Knobs(context.ports).turn_back(context, SERVICE, HEAT, 5).value == 5
    assert [entry.payload for entry in context.ports.journal.read()] == [
        {"from": 5.0, "to": 6},
        {"from": 6, "to": 5},
    ]
