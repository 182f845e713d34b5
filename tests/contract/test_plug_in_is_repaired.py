"""A plug-in brings its own fault and its own remedy, and the loop repairs it without knowing either."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from steersman.app import HOUSE_PROVIDES
from steersman.contract.ports import Context, Observer, Ports
from steersman.contract.service import Action, Expectation, Measurement, Preview, Risk, Service, Signal, SignalKind
from steersman.model.entities import CauseKind, Entity, EntityKind
from steersman.model.findings import Aspect
from steersman.runtime.registry import Found, arrange, discover

READING = frozenset({"operations.incidents.read"})
PATIENCE_SECONDS = 60
POOL = Entity(EntityKind.BUSINESS_OBJECT, "coffee", (("self_healing", "true"),))


@dataclass(frozen=True)
class Grounds:
    """Which machine to empty."""

    machine: str


@dataclass(frozen=True)
class Emptied:
    """What was thrown away."""

    grounds: int


@dataclass(slots=True)
class Machine:
    """The plug-in's own world: a tray that fills up and stays full."""

    grounds: int = 3


@asynccontextmanager
async def brewing(ports: Ports) -> AsyncIterator[Machine]:
    ports.get(Observer).declare([POOL])
    yield Machine()


def empty(context: Context, _key: str, _args: Grounds) -> Emptied:
    before, context.state.grounds = context.state.grounds, 0
    return Emptied(before)


def put_back(context: Context, _key: str, _args: Grounds, result: Emptied) -> None:
    context.state.grounds = result.grounds


def offers(_context: Context, entity: Entity, _cause: CauseKind) -> Iterable[Grounds]:
    return [Grounds(entity.id)] if entity.id == POOL.id else []


EMPTY = Action(
    name="empty_tray",
    help="Throw the grounds away.",
    args=Grounds,
    result=Emptied,
    permission="coffee.tray.write",
    risk=Risk.REVERSIBLE,
    preview=lambda _context, args: Preview(f"empty {args.machine}", "put the grounds back"),
    apply=empty,
    undo=put_back,
    target_kind=EntityKind.BUSINESS_OBJECT,
    target=lambda args: Entity(EntityKind.BUSINESS_OBJECT, args.machine),
    helps=frozenset({CauseKind.BACKLOG}),
    propose=offers,
    expects=(Expectation("coffee_grounds_waiting", 15),),
)


def coffee() -> Service:
    """A service that no part of the platform has heard of."""
    return Service(
        name="coffee",
        help="Brews.",
        lifespan=brewing,
        requires=(Observer,),
        measure=lambda context: [Measurement("coffee_grounds_waiting", context.state.grounds, (POOL.id,))],
        permissions={"coffee.tray.write": "Empty the tray."},
        signals=(
            Signal(
                name="coffee_grounds_waiting",
                kind=SignalKind.GAUGE,
                help="Grounds in the tray.",
                labels=("machine",),
                entity=EntityKind.BUSINESS_OBJECT,
                identified_by="machine",
                healthy=(0, 10),
                aspect=Aspect.QUEUE,
                suggests=frozenset({CauseKind.BACKLOG}),
            ),
        ),
        actions=(EMPTY,),
    )


def incidents(harness: Any) -> list[dict[str, Any]]:
    found = harness.call("GET", "/api/ops/incidents", READING).body["incidents"]
    return [one for one in found if POOL.ref in one["entities"]]


def eventually(look: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (seen := look()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return seen


def kinds_of(timeline: Iterable[dict[str, Any]]) -> Iterator[str]:
    for entry in timeline:
        yield entry["type"]


@pytest.mark.slow
def test_a_plug_in_is_repaired_by_its_own_remedy(open_harness: Any) -> None:
    """Its signal leaves the healthy range; the loop opens an incident, empties the tray, sees it cured and learns."""
    plugin = coffee()
    installed = [Found(service, "steersman") for service in discover(house_provides=HOUSE_PROVIDES)]
    services = arrange([*installed, Found(plugin, "coffee 1.0")], house_provides=HOUSE_PROVIDES)
    with open_harness(services) as harness:
        harness.context(plugin).state.grounds = 40
        (incident,) = eventually(lambda: [one for one in incidents(harness) if one["state"] == "resolved"])
        assert incident["cause"]["cause"] == "backlog"
        assert harness.context(plugin).state.grounds == 0
        timeline = harness.call("GET", f"/api/ops/incidents/{incident['id']}/timeline", READING).body["entries"]
        assert {"ops.finding", "ops.incident", "ops.plan", "ops.verdict"} <= set(kinds_of(timeline))
        acted = [entry for entry in harness.journal() if entry.subject == "coffee.empty_tray"]
        assert [entry.type for entry in acted] == ["action.requested", "action.applied"]
