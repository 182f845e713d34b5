"""Any knob can be turned as an action, with everything that comes with one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from steersman.contract.fakes import fake_ports
from steersman.contract.looking import looking
from steersman.contract.ports import Caller, Context
from steersman.contract.service import Knob, Service
from steersman.model.errors import Forbidden, InvalidInput, NotFound, Throttled
from steersman.runtime.actions import Actions
from steersman.runtime.database.engine import open_engine
from steersman.runtime.database.journal import SqlJournal
from steersman.runtime.database.migrate import HOUSE_LINEAGE, migrate
from steersman.runtime.database.sql import SqlDatabase
from steersman.runtime.house import House
from steersman.runtime.knobs import Knobs
from steersman.services.operations.actions import SET_KNOB, KnobTurn

OPERATIONS = Service(name="operations", help="", actions=(SET_KNOB,))


@dataclass
class Oven:
    heat: float = 5.0


def write(context: Context, value: float) -> None:
    context.state.heat = value


HEAT = Knob(
    name="heat",
    help="",
    default=5,
    low=0,
    high=10,
    step=2,
    cooldown_seconds=60,
    guard="oven_celsius",
    permission="oven.heat.write",
    read=lambda context: context.state.heat,
    write=write,
)


@pytest.fixture
def oven() -> Oven:
    return Oven()


@pytest.fixture
def context(tmp_path: Path, oven: Oven) -> Iterator[Context]:
    database = SqlDatabase(open_engine(None, tmp_path))
    migrate(database, [HOUSE_LINEAGE])
    provided: dict[type, Any] = {}
    ports = fake_ports(tmp_path, database=database, journal=SqlJournal(database), provided=provided)
    house = House([OPERATIONS, Service(name="oven", help="", knobs=(HEAT,))], ports, provided)
    house._states["oven"] = oven
    provided |= {House: house, Actions: Actions(ports), Knobs: Knobs(ports)}
    yield Context(Caller("cook", permissions=frozenset({"*"})), ports)
    database.close()


def perform(context: Context, value: float, key: str = "k", knob: str = "heat") -> Any:
    args = KnobTurn("oven", knob, value)
    return context.ports.get(Actions).perform(context, OPERATIONS, SET_KNOB, args, key).result


def test_a_knob_is_turned_once_and_turned_back_in_spite_of_its_cooldown(context: Context, oven: Oven) -> None:
    """The action's key and the knob's own bounds both hold."""
    assert perform(context, 7.0) == {"before": 5.0, "after": 7.0}
    assert perform(context, 7.0) == {"before": 5.0, "after": 7.0}
    with pytest.raises(Throttled, match="turned just now"):
        perform(context, 8.0, "other")
    context.ports.get(Actions).undo(context, OPERATIONS, SET_KNOB, "k")
    assert oven.heat == 5.0
    assert [entry.type for entry in context.ports.journal.read()].count("knob.turned") == 2


@pytest.mark.parametrize(("value", "why"), [(8.0, "at most 2"), (11.0, "goes from"), (float("inf"), "finite")])
def test_a_knob_keeps_its_bounds(context: Context, oven: Oven, value: float, why: str) -> None:
    """Whoever turns it."""
    with pytest.raises(InvalidInput, match=why):
        SET_KNOB.apply(context, "k", KnobTurn("oven", "heat", value))
    assert oven.heat == 5.0


def test_a_repeat_after_a_kill_sees_that_the_knob_stands_where_it_should(context: Context, oven: Oven) -> None:
    """It turns nothing and tells where the knob stood before."""
    oven.heat = 7.0
    turned = SET_KNOB.apply(replace(context, prior={"value": 5.0}), "k", KnobTurn("oven", "heat", 7.0))
    assert (turned.before, turned.after) == (5.0, 7.0)
    assert context.ports.journal.read() == []


def test_the_preview_says_from_where_to_where_and_only_looks(context: Context, oven: Oven) -> None:
    """It reads the knob through a house that hands out nothing else."""
    shown = context.ports.get(Actions).preview(context, SET_KNOB, KnobTurn("oven", "heat", 6.0))
    assert (shown.summary, shown.undo) == ("turn oven.heat from 5 to 6", "turn it back to 5")
    house: Any = looking(context).ports.get(House)
    assert [service.name for service in house.services] == ["operations", "oven"]
    assert oven.heat == 5.0


def test_the_permission_of_the_knob_is_asked_for_too(context: Context, oven: Oven) -> None:
    """Who may turn some knobs may not turn all of them."""
    limited = replace(context, caller=Caller("guest", permissions=frozenset({"operations.knobs.write"})))
    with pytest.raises(Forbidden, match=r"oven\.heat\.write"):
        perform(limited, 6.0)
    assert oven.heat == 5.0


def test_a_knob_that_is_not_there_is_not_found(context: Context) -> None:
    """With its name."""
    with pytest.raises(NotFound, match="no knob 'light'"):
        perform(context, 6.0, knob="light")
