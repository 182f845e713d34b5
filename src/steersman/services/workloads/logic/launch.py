"""From a definition and a number to what is run: arguments, environment, and a mark to find the process again by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from steersman.services.workloads.model.definition import ServiceDefinition
from steersman.services.workloads.model.replicas import Replica

#: In the environment of every replica; `/proc/<pid>/environ` shows it also when a start was cut short.
MARK = "STEERSMAN_REPLICA"
#: What is the platform's own business; a child has no use for its token.
_OURS = "STEERSMAN_"


@dataclass(frozen=True, slots=True)
class Launch:
    """What to run."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    directory: str | None


def mark_of(house: str, replica: Replica) -> str:
    """Return the mark of one start of a replica; `house` is the id of the data directory."""
    return f"{house}/{replica.name}/{replica.starts}"


def filled(text: str, definition: ServiceDefinition, number: int) -> str:
    """Fill in `{replica}` and `{port}` and leave every other brace alone."""
    port = definition.port_of(number)
    return text.replace("{replica}", str(number)).replace("{port}", "" if port is None else str(port))


def launch_of(definition: ServiceDefinition, number: int, mark: str, inherited: Mapping[str, str]) -> Launch:
    """Return what to run for a replica. Limits are set by a shell that becomes the program, before it starts."""
    argv = tuple(filled(part, definition, number) for part in definition.command)
    environment = {name: value for name, value in inherited.items() if not name.startswith(_OURS)}
    for name, value in definition.environment.items():
        environment[name] = filled(value.get_secret_value(), definition, number)
    environment[MARK] = mark
    return Launch(_limited(definition, argv), environment, definition.directory)


def _limited(definition: ServiceDefinition, argv: tuple[str, ...]) -> tuple[str, ...]:
    limits = definition.limits
    if not limits.given:
        return argv
    # The shell counts memory in kibibytes.
    asked = (("v", limits.memory_bytes // 1024), ("t", limits.cpu_seconds), ("n", limits.open_files))
    sets = " && ".join(f"ulimit -{flag} {value}" for flag, value in asked if value)
    return ("/bin/sh", "-c", f'{sets} && exec "$@"', "sh", *argv)
