"""The running services: starts their lifespans in order and knows their state.

It serves while they start, so every face asks here first: a service that has not started yet answers that it is
temporarily away. It decides nothing about who may do what.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, MutableMapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from steersman.contract.looking import looking
from steersman.contract.ports import Caller, Context, Ports
from steersman.contract.service import Health, Job, Service
from steersman.model.errors import NotFound, Permanent, Temporary

#: The house itself, when it measures, checks or runs a job on nobody's behalf.
ITSELF = Caller("steersman", permissions=frozenset({"*"}))


class House:
    """Services in start order. `provided` is the mapping behind `ports.provided`; services add to it as they start."""

    def __init__(self, services: Sequence[Service], ports: Ports, provided: MutableMapping[type, Any]) -> None:
        self.services = tuple(services)
        self.ports = ports
        self._provided = provided
        self._states: dict[str, Any] = {}
        self._began = ports.clock.monotonic()
        self.startup_seconds: float | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start every service and its jobs. The caller stops the supervisor before leaving."""
        async with AsyncExitStack() as stack:
            for service in self.services:
                state = await stack.enter_async_context(service.lifespan(self.ports))
                self._publish(service, state)
                self._states[service.name] = state
                for job in service.jobs:
                    self._spawn(service, job)
            self.startup_seconds = self.ports.clock.monotonic() - self._began
            yield

    def _publish(self, service: Service, state: Any) -> None:
        """Offer the state, or what its `provided` mapping holds, under the types that the service declares."""
        for kind in service.provides:
            offered = getattr(state, "provided", {}).get(kind, state)
            if not isinstance(offered, kind):
                raise Permanent(f"the service {service.name} declares to provide {kind.__qualname__} and does not")
            self._provided[kind] = offered

    def _spawn(self, service: Service, job: Job) -> None:
        self.ports.supervisor.spawn(f"{service.name}.{job.name}", partial(job.run, self.context(service, ITSELF)))

    def started(self, service: Service) -> bool:
        return service.name in self._states

    def find(self, name: str) -> Service:
        """Return a service by name; raises `NotFound`."""
        for service in self.services:
            if service.name == name:
                return service
        raise NotFound(f"there is no service {name!r}")

    def context(self, service: Service, caller: Caller) -> Context:
        """Return what a handler of this service gets; raises `Temporary` while the service is starting."""
        try:
            state = self._states[service.name]
        except KeyError:
            raise Temporary(f"the service {service.name} is still starting", retry_after=1.0) from None
        return Context(caller, self.ports, state)

    @property
    def looking(self) -> LookingHouse:
        """What a dry run gets of it."""
        return LookingHouse(self)

    def health(self) -> list[Health]:
        """Return every check of every service; one that has not started is not ready."""
        found: list[Health] = []
        for service in self.services:
            if not self.started(service):
                found.append(Health(service.name, ready=False, detail="starting"))
                continue
            checks = list(service.health(self.context(service, ITSELF)))
            found.extend(checks or [Health(service.name, ready=True)])
        return found


@dataclass(frozen=True, slots=True)
class LookingHouse:
    """The house for a dry run: whoever asks for a context gets one that changes nothing."""

    house: House

    @property
    def services(self) -> tuple[Service, ...]:
        return self.house.services

    def find(self, name: str) -> Service:
        """Return a service by name; raises `NotFound`."""
        return self.house.find(name)

    def context(self, service: Service, caller: Caller) -> Context:
        """Return what a handler of this service gets, without what could change anything."""
        return looking(self.house.context(service, caller))
