"""The section [services]: what runs on this machine, checked before anything starts.

A table below the section is a service of that name. What can be known to be wrong before the start is refused here:
a command that is not there, a port used twice, a circle of dependencies. A message begins with the key to correct.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from steersman.services.workloads.model.definition import ServiceDefinition
from steersman.services.workloads.model.order import Circle, start_order

#: A name is part of file names, entity references and environment markers.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")


class WorkloadsSettings(BaseModel):
    """The `[services]` section; every table in it is a service."""

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, ServiceDefinition]

    stop_with_platform: bool = Field(
        default=False,
        description="Stop the services when the platform stops in order. Otherwise they run on and are taken up again.",
    )

    @property
    def services(self) -> Mapping[str, ServiceDefinition]:
        return self.__pydantic_extra__ or {}

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        services = self.services
        for name, definition in services.items():
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name}: a name of a service has letters, digits, dash and underscore")
            self._demand_known(name, "depends_on", definition.depends_on)
            if definition.standby is not None:
                self._demand_known(name, "standby", [definition.standby])
                if not services[definition.standby].address:
                    raise ValueError(f"{name}.standby: {definition.standby} has no port, so nobody can be sent to it")
            _demand_program(name, definition)
        self._demand_distinct_ports()
        try:
            start_order({name: definition.depends_on for name, definition in services.items()})
        except Circle as error:
            raise ValueError(f"{error.names[0]}.depends_on: {error}") from None
        return self

    def _demand_known(self, name: str, key: str, others: Iterable[str]) -> None:
        known = sorted(set(self.services) - {name})
        for other in others:
            if other not in known:
                raise ValueError(f"{name}.{key}: there is no other service {other!r}; known are {known}")

    def _demand_distinct_ports(self) -> None:
        owners: dict[int, str] = {}
        for name, port in self._ports():
            other = owners.setdefault(port, name)
            if other != name:
                raise ValueError(f"{name}.port: {port} is used twice: by {other} and by {name}")

    def _ports(self) -> Iterator[tuple[str, int]]:
        for name, definition in self.services.items():
            if definition.port is not None:
                yield from ((name, definition.port + number) for number in range(definition.most_replicas))


def _demand_program(name: str, definition: ServiceDefinition) -> None:
    folder = Path(definition.directory or ".")
    if not folder.is_dir():
        raise ValueError(f"{name}.directory: {folder} does not exist")
    program = definition.command[0]
    if "/" in program:
        found = os.access(folder / program, os.X_OK)
    else:
        given = definition.environment.get("PATH")
        found = shutil.which(program, path=given.get_secret_value() if given else None) is not None
    if not found:
        raise ValueError(f"{name}.command: {program} does not exist or may not be run")
