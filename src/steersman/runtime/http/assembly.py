"""Assembles the whole HTTP side of the platform into one ASGI application."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from steersman.contract.ports import Caller
from steersman.contract.service import Page
from steersman.runtime.actions import Actions
from steersman.runtime.console.shell import Shell
from steersman.runtime.house import House
from steersman.runtime.http.auth import add_auth
from steersman.runtime.http.control import build
from steersman.runtime.http.door import Door
from steersman.runtime.http.entrance import Entrance
from steersman.runtime.http.freetext import FreeText
from steersman.runtime.http.front import Front, Watch
from steersman.runtime.http.guard import Guard
from steersman.runtime.http.limits import Limits, Traffic
from steersman.runtime.http.own import add_own
from steersman.runtime.http.proxies import Proxies
from steersman.runtime.http.signin.account import add_account
from steersman.runtime.http.signin.delegation import add_delegation
from steersman.runtime.http.signin.invited import add_invited
from steersman.runtime.http.signin.outside import add_outside
from steersman.runtime.http.signin.passkeys import add_passkeys
from steersman.runtime.http.signin.setup import add_setup
from steersman.runtime.http.telling import Silent
from steersman.runtime.identity.identity import Identity
from steersman.runtime.knobs import Knobs
from steersman.runtime.tracing import Tracing


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Who gets in: the keys, the hosts this server answers for, and whether a key is needed at all."""

    keys: Sequence[tuple[str, Caller]]
    allowed_hosts: Sequence[str] = ()
    insecure: bool = False
    trusted_proxies: Sequence[str] = ()
    cors_origins: Sequence[str] = ()


#: What people look at all day comes first; the rest follows as the services do.
_FIRST = ("/", "/ops", "/services")


def _menu(house: House) -> list[Page]:
    pages = [page for service in house.services for page in service.pages]
    return sorted(pages, key=lambda page: _FIRST.index(page.path) if page.path in _FIRST else len(_FIRST))


def assemble(house: House, rules: Rules, limits: Limits, traffic: Traffic, tracing: Tracing) -> Front:
    """Return the ASGI application of the whole platform."""
    identity: Identity | None = house.ports.provided.get(Identity)
    door = Door(
        rules.keys,
        clock=house.ports.clock,
        allowed_hosts=rules.allowed_hosts,
        insecure=rules.insecure,
        cors_origins=rules.cors_origins,
        admission=identity.admission if identity else None,
    )
    offered = identity.settings.providers.items() if identity else ()
    providers = [(name, one.title or name) for name, one in offered]
    shell = Shell(_menu(house), providers)
    entrance = Entrance(door, shell, identity)
    # Those of the composition, where it made some: a key in work is known to whoever acts.
    provided = house.ports.provided
    actions, knobs = provided.get(Actions) or Actions(house.ports), provided.get(Knobs) or Knobs(house.ports)
    control = build(house, shell, entrance, actions, knobs)
    if identity is not None:
        add_auth(control, identity)
        add_own(control, identity)
        add_setup(control, identity, shell)
        add_invited(control, identity, shell)
        add_passkeys(control, identity)
        add_delegation(control, identity, shell)
        add_outside(control, identity, shell)
        add_account(control, identity, shell)
    raw = [route for service in house.services for route in service.raw_routes]
    guard = provided.get(Guard) or Guard(house.ports.clock, Silent(), None)
    watch = Watch(guard, FreeText(control.routes, raw), Proxies(rules.trusted_proxies))
    return Front(house, door, control, limits=limits, traffic=traffic, entrance=entrance, tracing=tracing, watch=watch)
