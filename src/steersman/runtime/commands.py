"""The house's own commands. Only names and help texts: `steersman --help` imports this and nothing behind it."""

from __future__ import annotations

from steersman.contract.service import Command

COMMANDS = (
    Command(
        name="up",
        help="Start the platform: one process, one port, one data directory.",
        target="steersman.app:up",
        permission="local",
    ),
    Command(
        name="kernels",
        help="Compile every numeric kernel into the cache, so that the first start is quick.",
        target="steersman.app:kernels",
        permission="local",
    ),
    Command(
        name="authority matrix",
        help="Print what each kind of caller gets at each operation; --csv and --json for programs.",
        target="steersman.app:authority",
        permission="local",
    ),
    Command(
        name="act",
        help="Perform an action of a service on a running platform: SERVICE.ACTION with JSON arguments.",
        target="steersman.runtime.http.remote:act",
        permission="local",
    ),
)
