"""The composition root: the only place where adapters are chosen and where the process starts and stops.

The port is bound before anything slow and served while the services start, so that a caller is told to wait
instead of being refused. On SIGTERM the order is reversed, and a watchdog ends what does not end in time: nothing
acknowledged depends on an orderly stop.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import pkgutil
import random
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, TypeVar

import typer
import uvloop

import steersman.engine
import steersman.runtime.telemetry
from steersman.contract.ports import Caller, Masking, Ports, Sealing, Subjects
from steersman.contract.service import Service
from steersman.engine.personal.hiding import hiding
from steersman.engine.threats import inspect_pieces
from steersman.runtime.actions import Actions, Approvals
from steersman.runtime.clock import SystemClock
from steersman.runtime.database.engine import open_engine
from steersman.runtime.database.journal import SqlJournal
from steersman.runtime.database.migrate import HOUSE_LINEAGE, migrate
from steersman.runtime.database.sql import SqlDatabase
from steersman.runtime.database.subjects import PURPOSE as SUBJECTS
from steersman.runtime.database.subjects import SealedSubjects
from steersman.runtime.datadir import DataDir, bootstrap_token
from steersman.runtime.durable.dbos import DbosWork
from steersman.runtime.garbage import settled
from steersman.runtime.house import House
from steersman.runtime.http import matrix
from steersman.runtime.http.assembly import Rules, assemble
from steersman.runtime.http.front import Front
from steersman.runtime.http.guard import Guard
from steersman.runtime.http.limits import Limits, Traffic
from steersman.runtime.http.server import Server
from steersman.runtime.http.server import listen as bind
from steersman.runtime.http.server.tls import Tls
from steersman.runtime.identity.evidence import AccountNames
from steersman.runtime.identity.identity import Identity
from steersman.runtime.identity.localkey import REVOKED
from steersman.runtime.identity.settings import IdentitySettings
from steersman.runtime.ids import RandomIds
from steersman.runtime.kernels import keep_cache
from steersman.runtime.keys.keyring import KeyRing
from steersman.runtime.keys.settings import KeySettings
from steersman.runtime.keys.vault import wrapping_of
from steersman.runtime.knobs import Knobs
from steersman.runtime.logs import Logs
from steersman.runtime.masking import PolicyMasking, PrivacySettings
from steersman.runtime.process import allow_descriptors, use_system_memory, weigh_session
from steersman.runtime.registry import discover
from steersman.runtime.settings import LoadedSettings, SettingsError, load
from steersman.runtime.supervisor import TaskSupervisor
from steersman.runtime.tracing import Tracing

T = TypeVar("T")

#: An orderly stop has five seconds; jobs get what the draining of requests leaves, and the watchdog comes before.
_JOBS_SECONDS = 1.5
_WATCHDOG_SECONDS = 4.5
#: Room for all connections that are taken at once and for the store's files.
_DESCRIPTORS = 16_384

#: What is there before any service starts, for services to ask for by type.
HOUSE_PROVIDES = (
    Limits,
    Traffic,
    TaskSupervisor,
    LoadedSettings,
    Logs,
    Tracing,
    House,
    Actions,
    Approvals,
    Knobs,
    Identity,
    Guard,
    Subjects,
    Sealing,
    KeyRing,
    Masking,
)

_Data = Annotated[Path | None, typer.Option(help="The data directory, made when missing.", show_default="data")]
_Listen = Annotated[str | None, typer.Option(metavar="HOST:PORT", show_default="127.0.0.1:7600")]
_Config = Annotated[Path | None, typer.Option(help="A TOML file with settings.")]
_Csv = Annotated[bool | None, typer.Option("--csv", help="As CSV, with every outcome in words.")]
_Json = Annotated[bool | None, typer.Option("--json", help="As JSON, likewise.")]
_Insecure = Annotated[bool | None, typer.Option("--insecure", help="Ask for no token; on loopback only.")]


def up(data: _Data = None, listen: _Listen = None, config: _Config = None, insecure: _Insecure = None) -> None:
    """Start the platform and serve until SIGTERM or Ctrl-C."""
    # Until the event loop listens to signals, there is nothing to drain: what is open is closed on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    services = discover(house_provides=HOUSE_PROVIDES)
    keep_cache()
    settings = configured(services, config, {"data": data, "listen": listen, "insecure": insecure})
    logs = Logs(SystemClock(), partial(_masking(settings).text, "logs"))
    logs.configure(settings.house.log_level, settings.house.log_format)
    allow_descriptors(_DESCRIPTORS)
    weigh_session(settings.house.nice)
    use_system_memory()
    tls = _tls(settings)
    with ExitStack() as stack:
        sock = stack.enter_context(bind(settings.house.host, settings.house.port))
        directory = DataDir.open(settings.house.data)
        stack.callback(directory.close)
        token, new = bootstrap_token(directory, settings.house.bootstrap_token)
        if token != REVOKED:
            logs.hide(token)
        root = Caller("bootstrap", permissions=frozenset({"*"}))
        # A token that a person configured is kept for ever; the one of the data directory is identity's to judge.
        keys = [(token, root)] if settings.house.bootstrap_token else []
        platform = compose(services, settings, directory, logs, keys, stack)
        setup = None if settings.house.insecure else platform.house.ports.get(Identity).first.offer()
        if setup is not None:
            logs.hide(setup)
        _announce(settings, sock, token if new and not settings.house.insecure else None, setup)
        uvloop.run(_serve(platform, sock, tls))


def _tls(settings: LoadedSettings) -> Tls | None:
    """Read the certificate before anything is bound; raises `Permanent` where it cannot be used."""
    if settings.house.certificate is None or settings.house.private_key is None:
        return None
    tls = Tls(settings.house.certificate, settings.house.private_key)
    tls.open(SystemClock().wall_ns() / 1e9)
    return tls


def kernels() -> None:
    """Import every module that has kernels: compiling and caching happens there, at import."""
    found = [
        module.name
        for package in (steersman.engine, steersman.runtime.telemetry)
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    ]
    for name in sorted(found):
        importlib.import_module(name)
    keep_cache()
    typer.echo(f"{len(found)} modules are loaded, their kernels are in the cache")


def authority(config: _Config = None, csv: _Csv = None, as_json: _Json = None) -> None:
    """Print what each kind of caller gets at each operation.

    The platform is composed in a folder that is gone afterwards and never started, so this needs no running one. Of the
    settings only `house.four_eyes` is heeded, and nothing is connected with that the others name.
    """
    services = discover(house_provides=HOUSE_PROVIDES)
    four_eyes = configured(services, config, {}).house.four_eyes
    sections: dict[str, Any] = {service.section_name: service.settings for service in services if service.settings}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="steersman-")))
        directory = DataDir.open(folder)
        stack.callback(directory.close)
        settings = load(None, {}, {"data": folder, "four_eyes": list(four_eyes)}, sections)
        logs = Logs(SystemClock())
        logs.configure("error", settings.house.log_format)
        found = matrix.matrix(compose(services, settings, directory, logs, [], stack).front, services)
    if as_json:
        typer.echo(json.dumps(matrix.as_records(found), indent=1))
    else:
        typer.echo(matrix.as_csv(found).rstrip() if csv else matrix.as_text(found))


def configured(services: Sequence[Service], config: Path | None, overrides: dict[str, object]) -> LoadedSettings:
    """Read the settings of the house and of every service; raises `SettingsError`."""
    sections: dict[str, Any] = {service.section_name: service.settings for service in services if service.settings}
    return load(config, os.environ, overrides, sections)


def _announce(settings: LoadedSettings, sock: socket.socket, new_token: str | None, setup: str | None) -> None:
    """Print the address, and what was made just now: the key of this machine's operator, and the way to an account."""
    host, port = settings.house.host, sock.getsockname()[1]
    scheme = "http" if settings.house.certificate is None else "https"
    address = f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
    sys.stdout.write(f"Steersman listens on {address}\n")
    if new_token is not None:
        sys.stdout.write(f"The token, shown this once and kept in the data directory: {new_token}\n")
    if setup is not None:
        sys.stdout.write(f"There is no administrator yet. Open {address}/setup?token={setup} within 24 hours\n")
    sys.stdout.flush()


@dataclass(frozen=True, slots=True)
class Platform:
    """What runs, once everything is chosen."""

    house: House
    front: Front
    supervisor: TaskSupervisor
    durable: DbosWork


def compose(
    services: Sequence[Service],
    settings: LoadedSettings,
    directory: DataDir,
    logs: Logs,
    keys: Sequence[tuple[str, Caller]],
    stack: ExitStack,
) -> Platform:
    """Choose the adapters. What the house offers to its own services goes into `provided` here."""
    clock = SystemClock()
    database = SqlDatabase(open_engine(settings.house.database_url, directory.database))
    stack.callback(database.close)
    migrate(database, [HOUSE_LINEAGE])
    ids = RandomIds(clock)
    ring = KeyRing.open(directory.secrets, database, clock, wrapping_of(_section(settings, KeySettings)))
    subjects = SealedSubjects.open(database, ids, clock, directory.path, AccountNames(), ring.file(SUBJECTS))
    durable = DbosWork(directory.durable, clock)
    stack.callback(durable.close)
    supervisor = TaskSupervisor(clock, random.random)
    limits, traffic, tracing = Limits(settings.house.max_body_bytes), Traffic(), Tracing(clock)
    provided: dict[type, Any] = {
        Limits: limits,
        Traffic: traffic,
        TaskSupervisor: supervisor,
        LoadedSettings: settings,
        Logs: logs,
        Tracing: tracing,
        Subjects: subjects,
        Sealing: ring,
        KeyRing: ring,
        Masking: _masking(settings),
    }
    ports = Ports(
        clock=clock,
        ids=ids,
        database=database,
        journal=SqlJournal(database, subjects),
        durable=durable,
        supervisor=supervisor,
        settings=settings,
        data_dir=directory.path,
        provided=provided,
    )
    house = House(services, ports, provided)
    identity = Identity.open(ports, services, _section(settings, IdentitySettings))
    guard = Guard(clock, identity.evidence, inspect_pieces, settings.house.attacks)
    provided |= {
        House: house,
        Actions: Actions(ports),
        Approvals: Approvals.open(ports, services, settings.house.four_eyes),
        Knobs: Knobs(ports),
        Identity: identity,
        Guard: guard,
    }
    return Platform(house, assemble(house, _rules(settings, keys), limits, traffic, tracing), supervisor, durable)


def _section(settings: LoadedSettings, kind: type[T]) -> T:
    """Return a section of the house's own; its defaults where the service that declares it is not installed."""
    return settings.section(kind) if kind in settings.by_kind else kind()


def _masking(settings: LoadedSettings) -> PolicyMasking:
    try:
        return PolicyMasking.by(_section(settings, PrivacySettings).mask, hiding)
    except ValueError as error:
        raise SettingsError(f"in [privacy.mask]: {error}; docs/security.md lists the kinds") from error


def _rules(settings: LoadedSettings, keys: Sequence[tuple[str, Caller]]) -> Rules:
    house = settings.house
    return Rules(
        keys=keys,
        allowed_hosts=house.allowed_hosts,
        insecure=house.insecure,
        trusted_proxies=house.trusted_proxies,
        cors_origins=house.cors_origins,
    )


@asynccontextmanager
async def living(platform: Platform) -> AsyncIterator[None]:
    """Keep the services running; on leaving, their jobs stop before they do."""
    async with platform.house.running():
        platform.durable.open()
        platform.supervisor.spawn("durable", platform.durable.run)
        try:
            yield
        finally:
            await platform.supervisor.stop(_JOBS_SECONDS)


async def _serve(platform: Platform, sock: socket.socket, tls: Tls | None) -> None:
    """Serve until a signal comes; a start that fails stops the server and is raised."""
    stop, server = asyncio.Event(), Server(platform.front, tls)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, _stopping(stop.set))
    try:
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(server.serve([sock]), name="http")
            services = group.create_task(_live(platform, server, stop, serving), name="services")
            await stop.wait()
            server.should_exit = True
            if platform.house.startup_seconds is None:
                services.cancel()
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None


async def _live(platform: Platform, server: Server, stop: asyncio.Event, serving: asyncio.Task[None]) -> None:
    try:
        async with living(platform):
            with settled(platform.house.ports.clock):
                await stop.wait()
            # Requests are drained first, because they need the services.
            await serving
    finally:
        server.should_exit = True
        stop.set()


def _stopping(stop: Callable[[], None]) -> Callable[[], None]:
    """Stop in order, and end the process at the deadline: a stuck thread must not hold up a restart."""

    def on_signal() -> None:
        stop()
        watchdog = threading.Timer(_WATCHDOG_SECONDS, os._exit, [1])
        watchdog.daemon = True
        watchdog.start()

    return on_signal
