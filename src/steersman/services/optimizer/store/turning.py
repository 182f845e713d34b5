"""Knobs of any service behind one face: those that a service declares, and those that an action turns.

The second kind belongs to services that the platform supervises. They are found by shape, never by name: settings that
hold `services` with `knobs`, and a reversible action that takes a service, a knob and a value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from steersman.contract.ports import Caller, Context, Ports
from steersman.contract.service import Action, Knob, Risk, Service
from steersman.model.errors import NotFound, Temporary
from steersman.runtime.actions import Actions
from steersman.runtime.house import ITSELF, House
from steersman.runtime.knobs import Knobs

#: Turns of one experiment reach a knob through an action of 60 an hour at most, so they have to be apart.
_ACTION_COOLDOWN = 30.0
#: The guard of a supervised service's knob: how long its requests take on average.
LATENCY = "http_request_duration_seconds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turnable:
    """A bounded number with a guard. `turn` and `turn_back` take the value, a key of their own and who asks."""

    service: str
    name: str
    help: str
    low: float
    high: float
    step: float
    cooldown_seconds: float
    guard: str
    permission: str
    read: Callable[[], float]
    turn: Callable[[float, str, str], None]
    turn_back: Callable[[float, str, str], None]


def _acting(actor: str) -> Caller:
    return Caller(f"optimizer for {actor}", permissions=frozenset({"*"}))


def _declared(house: House, knobs: Knobs, owner: Service, knob: Knob) -> Turnable:
    """Return a knob of an installed service, turned through the house's own road for knobs."""
    return Turnable(
        service=owner.name,
        name=knob.name,
        help=knob.help,
        low=knob.low,
        high=knob.high,
        step=knob.step,
        cooldown_seconds=knob.cooldown_seconds,
        guard=knob.guard,
        permission=knob.permission,
        read=lambda: knob.read(house.context(owner, ITSELF)),
        turn=lambda value, _key, actor: _ignore(knobs.turn(house.context(owner, _acting(actor)), owner, knob, value)),
        turn_back=lambda value, _key, actor: _ignore(
            knobs.turn_back(house.context(owner, _acting(actor)), owner, knob, value)
        ),
    )


def _ignore(_told: object) -> None:
    """A turn's answer is in the journal."""


@dataclass(frozen=True, slots=True)
class _Acted:
    """Turns a knob of a supervised service by an action, which has its own bounds, record and undo."""

    house: House
    actions: Actions
    owner: Service
    action: Action
    service: str
    knob: str

    def read(self) -> float:
        if self.action.inspect is None:
            raise NotFound(f"{self.action.name} does not tell where a knob stands")
        seen = self.action.inspect(self.house.context(self.owner, ITSELF), self._args(0.0))
        return float(seen["value"])

    def turn(self, value: float, key: str, actor: str) -> None:
        context = self.house.context(self.owner, _acting(actor))
        self.actions.perform(context, self.owner, self.action, self._args(value), key)

    def _args(self, value: float) -> Any:
        return self.action.args(service=self.service, knob=self.knob, value=value)


def turnables(ports: Ports) -> Iterator[Turnable]:
    """Yield every knob that could be turned; raises `Temporary` while services are starting."""
    house = ports.get(House)
    if not all(house.started(service) for service in house.services):
        raise Temporary("services are still starting", retry_after=1.0)
    for service in house.services:
        for knob in service.knobs:
            yield _declared(house, ports.get(Knobs), service, knob)
        if action := action_with(service, {"service", "knob", "value"}):
            yield from _acted(ports, house, service, action)


def find(ports: Ports, service: str, name: str) -> Turnable:
    """Return a knob by its service and name; raises `NotFound`."""
    for one in turnables(ports):
        if (one.service, one.name) == (service, name):
            return one
    raise NotFound(f"there is no knob {name!r} of a service {service!r}")


def action_with(service: Service, arguments: set[str]) -> Action | None:
    """Return the reversible action that takes exactly these arguments."""
    for action in service.actions:
        takes = {one.name for one in fields(action.args)} if is_dataclass(action.args) else set[str]()
        if takes == arguments and action.risk is Risk.REVERSIBLE:
            return action
    return None


def _acted(ports: Ports, house: House, owner: Service, action: Action) -> Iterator[Turnable]:
    settings = ports.settings.section(owner.settings) if owner.settings is not None else None
    supervised: Mapping[str, Any] = getattr(settings, "services", {})
    for name, definition in supervised.items():
        for knob, bounds in getattr(definition, "knobs", {}).items():
            hand = _Acted(house, ports.get(Actions), owner, action, name, knob)
            yield Turnable(
                service=name,
                name=knob,
                help="A number that the service reads from a file.",
                low=bounds.low,
                high=bounds.high,
                step=bounds.step,
                cooldown_seconds=_ACTION_COOLDOWN,
                guard=LATENCY,
                permission=action.permission,
                read=hand.read,
                turn=hand.turn,
                turn_back=hand.turn,
            )


def scale(ctx: Context, service: str, replicas: int, key: str) -> str:
    """Scale a supervised service through whichever installed action can; raises `NotFound` where none can."""
    house, actions = ctx.ports.get(House), ctx.ports.get(Actions)
    for owner in house.services:
        action = action_with(owner, {"service", "replicas"})
        settings = ctx.ports.settings.section(owner.settings) if owner.settings is not None else None
        if action is not None and service in getattr(settings, "services", {}):
            args = action.args(service=service, replicas=replicas)
            actions.perform(house.context(owner, ctx.caller), owner, action, args, key)
            undo = f"POST /api/{owner.name}/actions/{action.name}/undo"
            return f"{service} has {replicas} replicas now; {undo} with the key {key} takes it back"
    raise NotFound(f"nothing that is installed can scale {service}")
