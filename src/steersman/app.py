"""The composition root: the only place where adapters are chosen and where the process starts and stops.

The port is bound before anything slow and served while the services start, so that a caller is told to wait
instead of being refused. On SIGTERM the order is reversed, and a watchdog ends what does not end in time: nothing
acknowledged depends on an orderly stop.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from steersman.contract.service import Service
    from steersman.runtime.datadir import DataDir
    from steersman.runtime.house import House
    from steersman.runtime.http.server import Server
    from steersman.runtime.logs import Logs
    from steersman.runtime.settings import LoadedSettings
    from steersman.runtime.supervisor import TaskSupervisor

#: An orderly stop has five seconds; jobs get what the draining of requests leaves.
_STOP_SECONDS = 5.0
_JOBS_SECONDS = 1.5

_Data = Annotated[Path | None, typer.Option(help="The data directory, made when missing.", show_default="data")]
_Listen = Annotated[str | None, typer.Option(metavar="HOST:PORT", show_default="127.0.0.1:7600")]
_Config = Annotated[Path | None, typer.Option(help="A TOML file with settings.")]
_Insecure = Annotated[bool | None, typer.Option("--insecure", help="Ask for no token; on loopback only.")]


def up(
    data: _Data = None,
    listen: _Listen = None,
    config: _Config = None,
    insecure: _Insecure = None,
) -> None:
    """Start the platform and serve until SIGTERM or Ctrl-C."""
    import uvloop

    from steersman.runtime.clock import SystemClock
    from steersman.runtime.datadir import DataDir
    from steersman.runtime.http.server import listen as bind
    from steersman.runtime.logs import Logs
    from steersman.runtime.registry import discover
    from steersman.runtime.settings import load

    services = discover()
    sections: Mapping[str, Any] = {service.name: service.settings for service in services if service.settings}
    overrides = {"data": data, "listen": listen, "insecure": insecure}
    settings = load(config, os.environ, overrides, sections)
    clock = SystemClock()
    logs = Logs(clock)
    logs.configure(settings.house.log_level, settings.house.log_format)
    with ExitStack() as stack:
        sock = stack.enter_context(bind(settings.house.host, settings.house.port))
        directory = DataDir.open(settings.house.data)
        stack.callback(directory.close)
        platform = _build(services, settings, directory, logs, stack, token=_announce(settings, directory, logs, sock))
        uvloop.run(_serve(platform, sock))


def kernels() -> None:
    """Import every module of the engine: compiling and caching happens there, at import."""
    import importlib
    import pkgutil

    import steersman.engine

    found = sorted(module.name for module in pkgutil.walk_packages(steersman.engine.__path__, "steersman.engine."))
    for name in found:
        importlib.import_module(name)
    typer.echo(f"{len(found)} modules are loaded, their kernels are in the cache")


@dataclass(frozen=True, slots=True)
class _Platform:
    """What runs, once everything is chosen."""

    house: House
    server: Server
    supervisor: TaskSupervisor


def _announce(settings: LoadedSettings, directory: DataDir, logs: Logs, sock: socket.socket) -> str:
    """Print the address, and the token when it was made just now: it is never shown again."""
    from steersman.runtime.datadir import bootstrap_token

    token, new = bootstrap_token(directory, settings.house.bootstrap_token)
    logs.hide(token)
    host, port = settings.house.host, sock.getsockname()[1]
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    sys.stdout.write(f"Steersman listens on {address}\n")
    if new and not settings.house.insecure:
        kept = directory.secrets / "bootstrap-token"
        sys.stdout.write(f"The token, shown this once and kept in {kept}:\n  {token}\n")
        sys.stdout.write(f"Open {address}/?token={token}\n")
    sys.stdout.flush()
    return token


def _build(
    services: Sequence[Service],
    settings: LoadedSettings,
    directory: DataDir,
    logs: Logs,
    stack: ExitStack,
    *,
    token: str,
) -> _Platform:
    """Choose the adapters. What the house provides to its own services goes into `provided` here."""
    import random

    from steersman.contract.ports import Caller, Clock, Ports
    from steersman.runtime.clock import SystemClock
    from steersman.runtime.database.engine import open_engine
    from steersman.runtime.database.journal import SqlJournal
    from steersman.runtime.database.migrate import HOUSE_LINEAGE, migrate
    from steersman.runtime.database.sql import SqlDatabase
    from steersman.runtime.durable.dbos import DbosWork
    from steersman.runtime.house import House
    from steersman.runtime.http.limits import Limits, Traffic
    from steersman.runtime.http.server import Rules, Server, assemble
    from steersman.runtime.ids import RandomIds
    from steersman.runtime.logs import Logs
    from steersman.runtime.settings import LoadedSettings
    from steersman.runtime.supervisor import TaskSupervisor
    from steersman.runtime.tracing import Tracing

    clock: Clock = SystemClock()
    database = SqlDatabase(open_engine(settings.house.database_url, directory.database))
    stack.callback(database.close)
    migrate(database, [HOUSE_LINEAGE])
    durable = DbosWork(directory.durable, clock)
    stack.callback(durable.close)
    supervisor = TaskSupervisor(clock, random.random)
    limits, traffic = Limits(settings.house.max_body_bytes), Traffic()
    provided: dict[type, Any] = {
        Limits: limits,
        Traffic: traffic,
        TaskSupervisor: supervisor,
        LoadedSettings: settings,
        Logs: logs,
        Tracing: Tracing(clock),
    }
    ports = Ports(
        clock=clock,
        ids=RandomIds(clock),
        database=database,
        journal=SqlJournal(database),
        durable=durable,
        supervisor=supervisor,
        settings=settings,
        data_dir=directory.path,
        provided=provided,
    )
    house = House(services, ports, provided)
    provided[House] = house
    root = Caller("bootstrap", permissions=frozenset({"*"}))
    rules = Rules(keys=[(token, root)], allowed_hosts=settings.house.allowed_hosts, insecure=settings.house.insecure)
    return _Platform(house, Server(assemble(house, rules, limits, traffic)), supervisor)


async def _serve(platform: _Platform, sock: socket.socket) -> None:
    """Serve until a signal comes; a failing start stops the server and is raised."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, _once(stop.set))
    try:
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(platform.server.serve([sock]), name="http")
            living = group.create_task(_live(platform, stop, serving), name="services")
            await stop.wait()
            platform.server.should_exit = True
            if platform.house.startup_seconds is None:
                living.cancel()
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None


async def _live(platform: _Platform, stop: asyncio.Event, serving: asyncio.Task[None]) -> None:
    from steersman.runtime.durable.dbos import DbosWork

    try:
        async with platform.house.running():
            durable = platform.house.ports.durable
            assert isinstance(durable, DbosWork)  # noqa: S101 - chosen above
            durable.open()
            platform.supervisor.spawn("durable", durable.run)
            await stop.wait()
            await serving
            await platform.supervisor.stop(_JOBS_SECONDS)
    finally:
        platform.server.should_exit = True
        stop.set()


def _once(stop: Callable[[], None]) -> Callable[[], None]:
    """Stop in order, and end the process at the deadline: a stuck thread must not hold up a restart."""

    def on_signal() -> None:
        stop()
        watchdog = threading.Timer(_STOP_SECONDS - 0.5, os._exit, [1])
        watchdog.daemon = True
        watchdog.start()

    return on_signal
