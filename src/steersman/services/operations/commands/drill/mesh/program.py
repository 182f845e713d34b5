"""What every mesh program is made of: its folder, release, configuration, knobs, log, numbers, spans and its end.

The folder of a service holds `config.json` (read at start and on SIGHUP), `current` (a link to `releases/vN`, read at
the same times), `knobs/` (small files, looked at each second), `data/` and `clock_offset`. A program ends on SIGTERM,
or when a file `stop` appears in the folder of the mesh; on SIGUSR2 it starts anew in the same process.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import ssl
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from steersman.services.operations.commands.drill.mesh.clock import Clock, number_in
from steersman.services.operations.commands.drill.mesh.logs import Log
from steersman.services.operations.commands.drill.mesh.meter import Meter
from steersman.services.operations.commands.drill.mesh.planted import TICK_SECONDS, Planted
from steersman.services.operations.commands.drill.mesh.server import Handler, Instruments, Server
from steersman.services.operations.commands.drill.mesh.spans import Tracer
from steersman.services.operations.commands.drill.mesh.upstream import Slots, Upstream

#: Soft limit of open files, so that a leak of descriptors shows within seconds.
_DESCRIPTORS = 256
#: How long requests may go on after the order to end.
_DRAIN_SECONDS = 1.0
_SECOND = round(1 / TICK_SECONDS)


class Program:
    """One mesh program. A role adds routes, work of its own (`background`) and what to do on a reload."""

    def __init__(self, folder: Path, replica: int = 0) -> None:
        self.folder = folder
        self.replica = replica
        self.name = folder.name
        self.meter = Meter()
        self.clock = Clock(folder / "clock_offset")
        self.log = Log(self.name, self.clock.wall, self.meter)
        self.planted = Planted(self.meter, self.log)
        self.config: dict[str, Any] = {}
        self.knobs: dict[str, float] = {}
        self.routes: dict[str, Handler] = {}
        self.upstreams: list[Upstream] = []
        self.background: list[Callable[[], Awaitable[None]]] = []
        self.on_reload: list[Callable[[], None]] = []
        self.every_second: list[Callable[[], None]] = []
        self.load()
        self.tracer = Tracer(self.name, self.config.get("watcher", ""), self.config.get("watcher_token", ""))
        self.server = Server(self.routes, Instruments(self.meter, self.tracer, self.log, self.planted))
        self._ended = asyncio.Event()
        # Threads and children of a planted bug must not keep the process: what is to be kept has been written.
        self._end: Callable[[], None] = lambda: os._exit(0)

    def load(self) -> None:
        """Read the configuration and the release. Raises what is wrong with them; at a start that is the end."""
        config = json.loads((self.folder / "config.json").read_text())
        _check(config)
        release = json.loads((self.folder / "current" / "release.json").read_text())
        self.config = config
        self.planted.release(release.get("defects", {}))
        self.meter.only("build_info", version=release["version"])
        self.meter.only("config_version_info", version=str(config["version"]))

    def upstream(
        self,
        peer: str,
        *,
        address: Callable[[], str] | None = None,
        slots: Slots | None = None,
        tls: ssl.SSLContext | None = None,
        forgets: Callable[[], bool] = lambda: False,
    ) -> Upstream:
        """A client of a neighbour; what is not given is as the configuration says, also after a reload."""
        client = Upstream(
            peer,
            address or (lambda: str(self.config["upstreams"][peer])),
            slots=slots or Slots(lambda: int(self.config.get("pool_size", 16))),
            timeout=lambda: float(self.config.get("timeout_ms", 1_000)) / 1_000,
            meter=self.meter,
            tracer=self.tracer,
            tls=tls,
            forgets=forgets,
        )
        self.upstreams.append(client)
        return client

    def knob(self, name: str, otherwise: float) -> float:
        return self.knobs.get(name, otherwise)

    def run(self) -> None:
        """Serve until the end."""
        if self.planted.level("crash_on_start"):
            self.log.write("ERROR", "cannot start: ImportError: cannot import name 'settle' from 'ledger'")
            sys.exit(3)
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(_DESCRIPTORS, hard), hard))
        self._refresh()
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._ended.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        loop.add_signal_handler(signal.SIGUSR2, self._ended_by, _begin_again)
        host, _, port = self.config["listen"].rpartition(":")
        await self.server.listen(f"{host}:{int(port) + self.replica}")
        self.log.write("INFO", f"started, listening on port {int(port) + self.replica}")
        tasks = [loop.create_task(_whole(work)) for work in (self._tick, *self.background)]
        ended = loop.create_task(self._ended.wait())
        done, _ = await asyncio.wait([ended, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in done - {ended}:
            task.result()
        self.server.close()
        await self.server.drained(_DRAIN_SECONDS)
        self.log.write("INFO", "stopped")
        self._end()

    def _ended_by(self, end: Callable[[], None]) -> None:
        self._end = end
        self._ended.set()

    def _reload(self) -> None:
        try:
            self.load()
        except (OSError, ValueError, KeyError, TypeError) as error:
            self.log.write("ERROR", f"reload refused: {error}")
            return
        for done in (*self.on_reload, *(client.drop for client in self.upstreams)):
            done()
        self.log.write("INFO", f"reloaded configuration {self.config['version']}")

    async def _tick(self) -> None:
        count = 0
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self.planted.tick()
            count += 1
            if count % _SECOND == 0:
                self._refresh()
                await self.tracer.send()

    def _refresh(self) -> None:
        self.clock.refresh()
        self.knobs = {file.name: number_in(file, 0.0) for file in _files(self.folder / "knobs")}
        self.meter.set("wall_clock_seconds", self.clock.wall())
        for client in self.upstreams:
            client.slots.wake()
        for done in self.every_second:
            done()
        if (self.folder.parent / "stop").exists():
            self._ended.set()


def start(build: Callable[[Program], None]) -> None:
    """The whole main function of a role: read the command line, build, run."""
    try:
        program = Program(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
        build(program)
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.stderr.write(f"ERROR cannot start: {type(error).__name__}: {error}\n")
        sys.exit(2)
    program.run()


def _begin_again() -> None:
    """Start the same program anew in this process, as an upgrade in place does."""
    os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - there is no shell to be had in between


async def _whole(work: Callable[[], Awaitable[None]]) -> None:
    await work()


def _files(folder: Path) -> list[Path]:
    try:
        return [file for file in sorted(folder.iterdir()) if not file.name.startswith(".")]
    except OSError:
        return []


def _check(config: Mapping[str, Any]) -> None:
    for name in ("pool_size", "timeout_ms"):
        if not isinstance(config.get(name, 1), int) or config.get(name, 1) < 1:
            raise ValueError(f"{name} is {config[name]!r}: a whole number above 0 is wanted")
