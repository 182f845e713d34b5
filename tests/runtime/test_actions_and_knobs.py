"""One road to every side effect: once per key, journalled before and after, inside its limits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from steersman.contract.fakes import FakeClock, fake_ports
from steersman.contract.ports import Caller, Context, Ports
from steersman.contract.service import Action, Knob, Preview, Risk, Service
from steersman.model.entities import Entity, EntityKind
from steersman.model.errors import Conflict, Forbidden, InvalidInput, NotFound, Temporary, Throttled
from steersman.runtime.actions import Actions, checked
from steersman.runtime.database.engine import open_engine
from steersman.runtime.database.journal import SqlJournal
from steersman.runtime.database.migrate import HOUSE_LINEAGE, migrate
from steersman.runtime.database.sql import SqlDatabase
from steersman.runtime.knobs import Knobs


@dataclass(frozen=True)
class Amount:
    cups: int


class Kettle:
    """Pours on request; `fails` is what the next pour raises."""

    def __init__(self) -> None:
        self.poured = 0
        self.heat = 5.0
        self.fails: Exception | None = None
        self.hold = threading.Event()
        self.hold.set()
        self.begun = threading.Event()


def pour(context: Context, _key: str, args: Amount) -> Amount:
    context.state.begun.set()
    context.state.hold.wait(10)
    if context.state.fails:
        raise context.state.fails
    context.state.poured += args.cups
    return Amount(context.state.poured)


def pour_back(context: Context, _key: str, args: Amount, _result: Amount) -> None:
    context.state.poured -= args.cups


POUR = Action(
    name="pour",
    help="Pour.",
    args=Amount,
    result=Amount,
    permission="kettle.water.write",
    risk=Risk.REVERSIBLE,
    preview=lambda _context, args: Preview(f"pour {args.cups}", "pour back"),
    apply=pour,
    undo=pour_back,
    target_kind=EntityKind.SERVICE,
    target=lambda _args: Entity(EntityKind.SERVICE, "kettle"),
    per_hour=3,
)
SERVICE = Service(name="kettle", help="", actions=(POUR,))


def write(context: Context, value: float) -> None:
    context.state.heat = value


HEAT = Knob(
    name="heat",
    help="",
    default=5,
    low=0,
    high=10,
    step=0.1,
    cooldown_seconds=60,
    guard="x",
    permission="kettle.water.write",
    read=lambda context: context.state.heat,
    write=write,
)


@pytest.fixture
def ports(tmp_path: Path) -> Iterator[Ports]:
    database = SqlDatabase(open_engine(None, tmp_path))
    migrate(database, [HOUSE_LINEAGE])
    yield fake_ports(tmp_path, database=database, journal=SqlJournal(database))
    database.close()


@pytest.fixture
def context(ports: Ports) -> Context:
    return Context(Caller("cook", permissions=frozenset({"kettle.water.write"})), ports, Kettle())


@pytest.fixture
def actions(ports: Ports) -> Actions:
    return Actions(ports)


def journalled(ports: Ports) -> list[str]:
    return [entry.type for entry in ports.journal.read()]


def test_a_repeated_key_pours_once_even_after_a_restart(actions: Actions, context: Context) -> None:
    """The first outcome is in the journal; a new process finds it there."""
    first = actions.perform(context, SERVICE, POUR, Amount(2), "k")
    again = Actions(context.ports).perform(context, SERVICE, POUR, Amount(2), "k")
    assert (first.result, again.result, again.repeated) == ({"cups": 2}, {"cups": 2}, True)
    assert context.state.poured == 2
    assert journalled(context.ports) == ["action.requested", "action.applied"]


def test_without_a_key_each_request_is_its_own(actions: Actions, context: Context) -> None:
    """Who gives no key gets one."""
    keys = {actions.perform(context, SERVICE, POUR, Amount(1), None).key for _ in range(2)}
    assert (len(keys), context.state.poured) == (2, 2)


def test_a_key_with_other_arguments_is_a_conflict(actions: Actions, context: Context) -> None:
    """A key stands for one wish."""
    actions.perform(context, SERVICE, POUR, Amount(1), "k")
    with pytest.raises(Conflict, match="other arguments"):
        actions.perform(context, SERVICE, POUR, Amount(2), "k")


def test_the_same_key_of_another_tenant_is_another_key(actions: Actions, context: Context) -> None:
    """Tenants cannot see or block each other's keys."""
    other = replace(context, caller=replace(context.caller, tenant="other"))
    actions.perform(context, SERVICE, POUR, Amount(1), "k")
    assert not actions.perform(other, SERVICE, POUR, Amount(1), "k").repeated


def test_a_key_in_work_is_not_started_again(actions: Actions, context: Context) -> None:
    """Two requests at the same moment give one effect and one conflict."""
    context.state.hold.clear()
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(actions.perform, context, SERVICE, POUR, Amount(1), "k")
        assert context.state.begun.wait(10)
        with pytest.raises(Conflict, match="right now"):
            actions.perform(context, SERVICE, POUR, Amount(1), "k")
        context.state.hold.set()
        assert first.result(10).result == {"cups": 1}


@pytest.mark.parametrize(
    ("failure", "told"), [(Temporary("no water"), "no water"), (KeyError("x"), "an unexpected error")]
)
def test_a_failure_is_journalled_and_may_be_tried_again(
    actions: Actions, context: Context, failure: Exception, told: str
) -> None:
    """The intent stays, the failure follows it, and the same key may succeed later."""
    context.state.fails = failure
    with pytest.raises(type(failure)):
        actions.perform(context, SERVICE, POUR, Amount(1), "k")
    failed = context.ports.journal.read()[1]
    assert (failed.type, failed.payload["error"]) == ("action.failed", told)
    context.state.fails = None
    assert not actions.perform(context, SERVICE, POUR, Amount(1), "k").repeated


def test_an_action_is_limited_per_hour(actions: Actions, context: Context) -> None:
    """Above the limit the caller is told when there is room again."""
    clock = context.ports.clock
    assert isinstance(clock, FakeClock)
    for number in range(3):
        actions.perform(context, SERVICE, POUR, Amount(1), f"k{number}")
    clock.tick(600)
    with pytest.raises(Throttled) as refused:
        actions.perform(context, SERVICE, POUR, Amount(1), "k3")
    assert refused.value.retry_after == 3000
    assert actions.perform(context, SERVICE, POUR, Amount(1), "k0").repeated
    clock.tick(3000)
    actions.perform(context, SERVICE, POUR, Amount(1), "k3")


def test_undo_happens_once_and_only_to_what_was_applied(actions: Actions, context: Context) -> None:
    """An undone key stays undone; an unknown one is not found."""
    actions.perform(context, SERVICE, POUR, Amount(2), "k")
    assert not actions.undo(context, SERVICE, POUR, "k").repeated
    assert actions.undo(context, SERVICE, POUR, "k").repeated
    assert context.state.poured == 0
    with pytest.raises(NotFound):
        actions.undo(context, SERVICE, POUR, "other")
    entries = context.ports.journal.read()
    assert [entry.type for entry in entries] == ["action.requested", "action.applied", "action.undone"]
    assert entries[2].cause == entries[1].id


def test_what_cannot_be_undone_says_so(actions: Actions, context: Context) -> None:
    """An action without undo and without compensation stays done."""
    with pytest.raises(Conflict, match="cannot be undone"):
        actions.undo(context, SERVICE, replace(POUR, risk=Risk.DISRUPTIVE, undo=None), "k")


def test_nothing_happens_without_the_grant(actions: Actions, context: Context) -> None:
    """Preview, effect, undo and knob all ask for the permission."""
    stranger = replace(context, caller=Caller("stranger"))
    attempts: list[Any] = [
        lambda: actions.preview(stranger, POUR, Amount(1)),
        lambda: actions.perform(stranger, SERVICE, POUR, Amount(1), "k"),
        lambda: actions.undo(stranger, SERVICE, POUR, "k"),
        lambda: Knobs(context.ports).position(stranger, HEAT),
        lambda: Knobs(context.ports).turn(stranger, SERVICE, HEAT, 5.1),
    ]
    for attempt in attempts:
        with pytest.raises(Forbidden, match=r"kettle\.water\.write"):
            attempt()
    assert journalled(context.ports) == []


def test_wrong_arguments_name_the_field() -> None:
    """The message is for whoever wrote the arguments."""
    with pytest.raises(InvalidInput, match=r"^cups: "):
        checked(Amount, {"cups": "many"})


@pytest.mark.parametrize(
    ("value", "complaint"), [(11, "goes from 0 to 10"), (-0.1, "goes from"), (5.2, "at most 0.1 at a time")]
)
def test_a_knob_refuses_to_go_too_far(context: Context, value: float, complaint: str) -> None:
    """Neither beyond its range nor by more than one step."""
    with pytest.raises(InvalidInput, match=complaint):
        Knobs(context.ports).turn(context, SERVICE, HEAT, value)
    assert journalled(context.ports) == []


def test_a_knob_waits_for_its_effect(context: Context) -> None:
    """One step, then the cool-down; every turn is in the journal with both values."""
    knobs, clock = Knobs(context.ports), context.ports.clock
    assert isinstance(clock, FakeClock)
    knobs.turn(context, SERVICE, HEAT, 5.1)
    clock.tick(20)
    with pytest.raises(Throttled) as refused:
        knobs.turn(context, SERVICE, HEAT, 5.2)
    assert refused.value.retry_after == 40
    clock.tick(40)
    assert knobs.turn(context, SERVICE, HEAT, 5.2).value == 5.2
    assert [entry.payload for entry in context.ports.journal.read()] == [
        {"from": 5.0, "to": 5.1},
        {"from": 5.1, "to": 5.2},
    ]
