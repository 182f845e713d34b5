"""The settings of a watcher for a mesh: what it supervises, what it scrapes, what it may free and run.

They say what any owner would say about services of this kind, and nothing of the faults that may come.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from steersman.services.operations.commands.drill.mesh.layout import Mesh
from steersman.services.operations.commands.drill.mesh.plan import Role, role

_PACKAGE = __name__.rpartition(".")[0]


def settings_of(mesh: Mesh) -> str:
    """The TOML text, to be put below the watcher's own settings."""
    services = {one.name: _service(mesh, one) for one in mesh.roles}
    document = {
        "services": {"stop_with_platform": True} | services,
        "telemetry": {"scrape": [_scrape(mesh, one) for one in mesh.roles]},
        "housekeeping": {
            "paths": [_database_files(mesh)] if "database" in mesh.services else [],
            "interval_seconds": 2.0,
        },
        "runbooks": _runbooks(mesh),
    }
    return "\n".join(_written(document, "")) + "\n"


def _service(mesh: Mesh, one: Role) -> dict[str, Any]:
    folder = mesh.folder / one.name
    service: dict[str, Any] = {
        "command": mesh.command(one.name, "{replica}"),
        "directory": str(folder),
        "port": mesh.ports[one.name],
        "replicas": one.replicas,
        "max_replicas": one.most_replicas,
        "depends_on": list(one.needs),
        "self_healing": True,
        "stop_seconds": 3.0,
        "reload_signal": "SIGHUP",
        "releases": str(folder / "releases"),
        "current": str(folder / "current"),
        "config_files": [str(folder / "config.json")],
        "data_directory": str(folder / "data"),
        "labels": {"environment": "drill"},
        "health": {"url": f"http://{_health_address(mesh, one)}/healthz", "interval_seconds": 1.0, "failures": 3},
    }
    if one.standby:
        service |= {"standby": one.standby, "route_file": str(mesh.route_file)}
    if one.knobs:
        service["knobs"] = {
            name: knob | {"file": str(folder / "knobs" / name)} for name, knob in sorted(one.knobs.items())
        }
    return service


def _health_address(mesh: Mesh, one: Role) -> str:
    return mesh.plain_address(one.name) if one.tls else "127.0.0.1:{port}"


def _scrape(mesh: Mesh, one: Role) -> dict[str, Any]:
    # Replica 0 of the worker owns the queue and its numbers; further replicas count there.
    return {
        "job": one.name,
        "targets": [mesh.plain_address(one.name)],
        "interval_seconds": 1.0,
        "timeout_seconds": 1.0,
        "labels": {"service": one.name, "replica": "0"},
    }


def _database_files(mesh: Mesh) -> dict[str, Any]:
    database = mesh.folder / "database"
    return {
        "path": str(database / "data"),
        "service": "database",
        "quota_bytes": role("database").config["quota_bytes"],
        "patterns": ["archive/*.log"],
        "allow": ["delete"],
        "delete_after_seconds": 60.0,
        "keep_newest": 1,
        "self_healing": True,
    }


def _runbooks(mesh: Mesh) -> dict[str, Any]:
    """What an operator of such services keeps at hand: a new certificate, and a clock that is set right."""
    books = {f"sync_clock_{one.name}": _runbook(mesh, "clock", one.name, "clock_jump") for one in mesh.roles}
    for one in mesh.roles:
        if one.tls:
            books[f"renew_certificate_{one.name}"] = _runbook(mesh, "certificates", one.name, "expired_certificate")
    return books


def _runbook(mesh: Mesh, program: str, service: str, cause: str) -> dict[str, Any]:
    return {
        "target": f"service:{service}",
        "helps": [cause],
        "command": [sys.executable, "-m", f"{_PACKAGE}.{program}", str(mesh.folder / service)],
        "self_healing": True,
    }


def _written(table: Mapping[str, Any], path: str) -> Iterator[str]:
    """TOML of nested tables: plain values first, then the tables below."""
    below = {name: value for name, value in table.items() if isinstance(value, dict)}
    lists = {name: value for name, value in table.items() if _is_tables(value)}
    for name, value in table.items():
        if name not in below and name not in lists:
            yield f"{name} = {_value(value)}"
    for name, value in below.items():
        yield f"\n[{path}{name}]"
        yield from _written(value, f"{path}{name}.")
    for name, tables in lists.items():
        for one in tables:
            yield f"\n[[{path}{name}]]"
            yield from _written(one, f"{path}{name}.")


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _value(value: Any) -> str:
    # Strings, numbers, booleans and lists of them are written alike in JSON and TOML.
    return json.dumps(value)
