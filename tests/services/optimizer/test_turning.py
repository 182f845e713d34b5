"""Knobs of supervised services are found by shape, turned by their owner's action, and read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from steersman.contract.fakes import MemorySettings
from steersman.contract.ports import Context
from steersman.contract.service import Action, Preview, Risk, Service
from steersman.model.entities import Entity, EntityKind
from steersman.model.errors import NotFound
from steersman.model.labels import canonical, encode_labels
from steersman.runtime.telemetry.query import Selection
from steersman.runtime.telemetry.store import TelemetryStore
from steersman.services.optimizer.store.meters import meter_of
from steersman.services.optimizer.store.turning import LATENCY, find, scale


@dataclass(frozen=True)
class Settings:
    """What the owner of supervised services has in its section."""

    services: Mapping[str, Any] = field(
        default_factory=lambda: {
            "orders": SimpleNamespace(knobs={"pool": SimpleNamespace(low=1.0, high=64.0, step=8.0)})
        }
    )


@dataclass(frozen=True)
class Turn:
    service: str
    knob: str
    value: float


@dataclass(frozen=True)
class Scale:
    service: str
    replicas: int


@dataclass(frozen=True)
class Done:
    service: str


STANDS: dict[str, float] = {}


def _action(name: str, args: type, place: str) -> Action:
    def apply(_ctx: Context, _key: str, wish: Any) -> Done:
        STANDS[place] = getattr(wish, "value", None) or wish.replicas
        return Done(wish.service)

    return Action(
        name=name,
        help="Does it.",
        args=args,
        result=Done,
        permission="keeper.things.write",
        risk=Risk.REVERSIBLE,
        preview=lambda _ctx, _args: Preview("does it", "does it back"),
        apply=apply,
        inspect=lambda _ctx, _args: {"value": STANDS[place]},
        undo=lambda _ctx, _key, _args, _result: None,
        target_kind=EntityKind.SERVICE,
        target=lambda args: Entity(EntityKind.SERVICE, args.service),
    )


KEEPER = Service(
    name="keeper",
    help="Keeps services.",
    settings=Settings,
    permissions={"keeper.things.write": "Write."},
    actions=(_action("turn_it", Turn, "pool"), _action("size_it", Scale, "replicas")),
)


class Latencies:
    """A store that knows the latency of orders: two replicas, three seconds over thirty requests."""

    queries = property(lambda self: self)

    def latest(self, _tenant: str, matchers: Any, at: int, _lookback: int) -> Selection:
        wanted = {matcher.name: matcher.value for matcher in matchers}
        values = {f"{LATENCY}_sum": [1.0, 2.0], f"{LATENCY}_count": [10.0, 20.0]}.get(wanted["__name__"], [])
        if wanted.get("service") != "orders":
            values = []
        keys = [encode_labels(canonical(wanted | {"replica": str(number)})) for number in range(len(values))]
        return Selection(keys, np.arange(len(keys) + 1), np.full(len(keys), at), np.array(values))


@pytest.fixture
def keeping(house_with: Any) -> Any:
    STANDS.clear()
    STANDS.update(pool=8.0, replicas=3.0)
    return house_with(KEEPER, MemorySettings(Settings()), {TelemetryStore: Latencies()})


def test_a_supervised_knob_is_turned_by_its_owners_action(keeping: Any) -> None:
    """Found without a name of the action, read by its inspection, and turned under a key in the journal."""
    knob = find(keeping.ports, "orders", "pool")
    assert (knob.read(), knob.step, knob.guard, knob.permission) == (8.0, 8.0, LATENCY, "keeper.things.write")
    knob.turn(16.0, "e:1", "ada")
    assert knob.read() == 16.0
    entries = [(one.type, one.actor) for one in keeping.ports.journal.read()]
    assert entries == [("action.requested", "optimizer for ada"), ("action.applied", "optimizer for ada")]


def test_its_guard_is_the_latency_of_all_replicas(keeping: Any) -> None:
    meter = meter_of(keeping.ports, find(keeping.ports, "orders", "pool"))
    reading = meter.read()
    assert (meter.kind, reading[1:]) == ("mean", (3.0, 30.0))


def test_a_guard_that_nothing_measures_is_refused(keeping: Any) -> None:
    with pytest.raises(NotFound, match="is not measured"):
        meter_of(keeping.ports, replace(find(keeping.ports, "orders", "pool"), service="unknown"))


def test_scaling_goes_through_whoever_can(keeping: Any) -> None:
    assert "takes it back" in scale(keeping, "orders", 2, "r-1")
    assert STANDS["replicas"] == 2
    with pytest.raises(NotFound, match="nothing that is installed"):
        scale(keeping, "elsewhere", 2, "r-2")
