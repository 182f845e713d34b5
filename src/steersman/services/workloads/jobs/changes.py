"""Notices deploys, edited configuration and turned knobs, and tells the loop: most incidents begin with one."""

from __future__ import annotations

import asyncio

from steersman.contract.ports import Clock, Observer
from steersman.services.workloads.logic.reports import change_of
from steersman.services.workloads.model.definition import ServiceDefinition
from steersman.services.workloads.model.versions import Shift
from steersman.services.workloads.store.fleet import Fleet

_EVERY_SECONDS = 1.0


def is_watched(definition: ServiceDefinition) -> bool:
    """Tell whether a service names anything that can be changed."""
    return bool(definition.current or definition.config_files or definition.knobs)


def look(fleet: Fleet) -> list[Shift]:
    """Look once at everything that services name."""
    now = fleet.view.now_ms()
    watched = ((name, one) for name, one in fleet.view.definitions.items() if is_watched(one))
    return [shift for name, definition in watched for shift in fleet.history.look(name, definition, now)]


async def watch_changes(fleet: Fleet, clock: Clock, observer: Observer) -> None:
    """Look every second, for ever."""
    while True:
        for shift in await asyncio.to_thread(look, fleet):
            observer.changed(change_of(shift, fleet.view.now_ms()))
        await clock.sleep(_EVERY_SECONDS)
