"""Lays a mesh out on disk: for each service its configuration, releases, knobs, data and certificates.

It starts nothing but the wire between orders and payments, which is the network and no service: the services belong
to whoever supervises them.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from steersman.services.operations.commands.drill.mesh import certificates
from steersman.services.operations.commands.drill.mesh.link import Link
from steersman.services.operations.commands.drill.mesh.load import Demand
from steersman.services.operations.commands.drill.mesh.plan import ROLES, Role, role

_PACKAGE = __name__.rpartition(".")[0]
#: Ports are given out in blocks, so that replicas can have neighbouring ones.
_BLOCK = 24
_WIRE = "wire"


class Mesh:
    """A mesh in a folder, on loopback ports of its own. `lay_out` writes it; `close` ends the wire and what listens
    to the stop file.
    """

    def __init__(self, folder: Path, first_port: int | None = None, topology: Sequence[str] = ()) -> None:
        self.folder = folder.resolve()
        self.roles = tuple(one for one in ROLES if not topology or one.name in topology)
        self.ports = _numbered(first_port or free_block(_BLOCK))
        self.stop_file = self.folder / "stop"
        self.link = Link(self.ports[_WIRE], self.ports["payments"], self.stop_file)

    @property
    def entry_url(self) -> str:
        """Where customers come in."""
        return f"http://{self.address('front')}"

    @property
    def services(self) -> Mapping[str, str]:
        """The names of the services, each with the address of its health and numbers."""
        return {one.name: self.plain_address(one.name) for one in self.roles}

    @property
    def route_file(self) -> Path:
        """Holds the address of whoever takes payments."""
        return self.folder / "routes" / "payments"

    def address(self, name: str) -> str:
        """Where a service is spoken to by its neighbours."""
        return f"127.0.0.1:{self.ports[name]}"

    def plain_address(self, name: str) -> str:
        """Where a service says how it is."""
        return f"127.0.0.1:{self.ports[f'{name}/plain' if role(name).tls else name]}"

    def command(self, name: str, replica: str = "0") -> list[str]:
        """How a service is started."""
        return [sys.executable, "-m", f"{_PACKAGE}.{role(name).program}", str(self.folder / name), replica]

    def lay_out(self, watcher: str = "", token: str = "") -> None:
        """Write everything that the services need, as of their first day. What was there is overwritten."""
        authority = self.folder / "authority"
        authority.mkdir(parents=True, exist_ok=True)
        certificates.make_authority(authority)
        for one in self.roles:
            self._lay_out_one(one, {"watcher": watcher, "watcher_token": token})
        self.route_file.parent.mkdir(exist_ok=True)
        self.route_file.write_text(f"127.0.0.1:{self.ports[_WIRE]}")
        Demand().write(self.folder)
        self.stop_file.unlink(missing_ok=True)

    def _lay_out_one(self, one: Role, watcher: Mapping[str, str]) -> None:
        folder = self.folder / one.name
        for part in ("data/archive", "knobs", "releases", *(["tls"] if one.tls else [])):
            (folder / part).mkdir(parents=True, exist_ok=True)
        write_json(folder / "config.json", self._config(one) | dict(watcher))
        make_release(folder, "v1", {})
        point(folder, "v1")
        for name, knob in one.knobs.items():
            (folder / "knobs" / name).write_text(str(knob["default"]))
        (folder / "clock_offset").write_text("0")
        if one.tls:
            certificates.sign(self.folder / "authority", folder / "tls")

    def _config(self, one: Role) -> dict[str, Any]:
        upstreams = {peer: self.address(peer) for peer in one.needs}
        config = {"version": 1, "listen": self.plain_address(one.name), "upstreams": upstreams} | one.config
        if one.tls:
            config["tls_listen"] = self.address(one.name)
        if one.name == "orders":
            config["payments_route"] = str(self.route_file)
            config["payments_ca"] = str(self.folder / "authority" / "ca.pem")
        if one.most_replicas > 1:
            config["queue"] = self.address(one.name)
        return config

    def connect(self) -> None:
        """Put the wire up."""
        self.link.up()

    def close(self) -> None:
        """Take the wire down and ask every program of the mesh to end."""
        self.stop_file.touch()
        self.link.down()


def make_release(folder: Path, version: str, defects: Mapping[str, float]) -> None:
    """Put a release of a service beside the others, with the bugs that come with it."""
    place = folder / "releases" / version
    place.mkdir(parents=True, exist_ok=True)
    write_json(place / "release.json", {"version": version, "defects": dict(defects)})


def point(folder: Path, version: str) -> None:
    """Make a release the current one, in one step."""
    draft = folder / "current.new"
    draft.unlink(missing_ok=True)
    draft.symlink_to(folder / "releases" / version)
    draft.replace(folder / "current")


def write_json(file: Path, content: Mapping[str, Any]) -> None:
    """Write a file in one step, so that nobody reads half of it."""
    draft = file.with_name(f"{file.name}.new")
    draft.write_text(json.dumps(content, indent=2) + "\n")
    draft.replace(file)


def _numbered(first: int) -> dict[str, int]:
    ports, port = {_WIRE: first}, first + 1
    for one in ROLES:
        ports[one.name] = port
        port += one.most_replicas
        if one.tls:
            ports[f"{one.name}/plain"] = port
            port += 1
    return ports


def free_block(size: int) -> int:
    """The first of so many neighbouring loopback ports that nobody listens on."""
    for first in range(21_000 + os.getpid() % 400 * 25, 60_000, size):
        with ExitStack() as held:
            try:
                for port in range(first, first + size):
                    taken = held.enter_context(socket.socket())
                    taken.bind(("127.0.0.1", port))
            except OSError:
                continue
            return first
    raise OSError("there is no block of free ports")
