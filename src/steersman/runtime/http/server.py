"""Assembles the front and puts it on a socket."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp

from steersman.contract.ports import Caller
from steersman.model.errors import Conflict, Permanent
from steersman.runtime.actions import Actions
from steersman.runtime.console.shell import Shell
from steersman.runtime.house import House
from steersman.runtime.http.control import build
from steersman.runtime.http.door import Door
from steersman.runtime.http.entrance import Entrance
from steersman.runtime.http.front import Front
from steersman.runtime.http.limits import Limits, Traffic
from steersman.runtime.knobs import Knobs
from steersman.runtime.tracing import Tracing

#: Connections that may wait to be accepted, and seconds that an idle one is kept: senders reuse theirs every 5 to 60 s.
_BACKLOG = 512
_KEEP_ALIVE_SECONDS = 75
#: Of the 5 seconds that an orderly stop may take, the rest belongs to the services.
_DRAIN_SECONDS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Who gets in: the keys, the hosts this server answers for, and whether a key is needed at all."""

    keys: Sequence[tuple[str, Caller]]
    allowed_hosts: Sequence[str] = ()
    insecure: bool = False


def assemble(house: House, rules: Rules, limits: Limits, traffic: Traffic, tracing: Tracing) -> ASGIApp:
    """Return the ASGI application of the whole platform."""
    door = Door(rules.keys, clock=house.ports.clock, allowed_hosts=rules.allowed_hosts, insecure=rules.insecure)
    shell = Shell([page for service in house.services for page in service.pages])
    entrance = Entrance(door, shell)
    control = build(house, shell, entrance, Actions(house.ports), Knobs(house.ports))
    return Front(house, door, control, limits=limits, traffic=traffic, entrance=entrance, tracing=tracing)


def listen(host: str, port: int) -> socket.socket:
    """Bind the one port, before anything slow; raises `Conflict` when it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            raise Conflict(f"{host}:{port} is already in use: stop the other one or give another --listen") from error
        raise Permanent(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
    return sock


class Server(uvicorn.Server):
    """uvicorn without its own signals: the composition root decides when to stop."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                loop="none",
                http="httptools",
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="warning",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                backlog=_BACKLOG,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=_DRAIN_SECONDS,
            )
        )

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the composition root."""
        yield
