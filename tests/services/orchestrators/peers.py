"""Scripted peers that check every request and answer as the real ones do: an engine, an API server, a bus with systemd.

Each remembers what it was asked, and can be told to answer something else next: an error, half an answer, nothing.
The bus is read and written by jeepney, which shares no code with the client under test.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from jeepney import DBusAddress, HeaderFields, MessageType, Parser, new_error, new_method_return, new_signal

Reply = tuple[int, Any]


@dataclass
class Asked:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class Peer:
    """What an HTTP peer was asked, and what it answers instead of the truth next: status and raw body, or None."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    instead: list[tuple[int, bytes] | None] = field(default_factory=list)
    #: Carry the request out, then answer as `instead` says: as when an answer is lost on its way.
    lost: list[tuple[int, bytes] | None] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def changes(self) -> list[Asked]:
        return [one for one in self.asked if one.method != "GET" and one.query.get("dryRun") != "All"]

    def answer(self, asked: Asked) -> Reply:
        raise NotImplementedError


class _Server(ThreadingMixIn, HTTPServer):
    daemon_threads = True


class _UnixServer(_Server):
    address_family = socket.AF_UNIX

    def server_bind(self) -> None:
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = "docker", 0


def _handler(peer: Peer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            parts = urlsplit(self.path)
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked = Asked(
                self.command,
                unquote(parts.path),
                dict(parse_qsl(parts.query)),
                {name.lower(): value for name, value in self.headers.items()},
                json.loads(raw) if raw else None,
            )
            peer.asked.append(asked)
            if peer.instead:
                self._send(peer.instead.pop(0))
                return
            status, body = peer.answer(asked)
            if peer.lost and asked in peer.changes:
                self._send(peer.lost.pop(0))
            else:
                self._send((status, b"" if body is None else json.dumps(body).encode()))

        def _send(self, told: tuple[int, bytes] | None) -> None:
            if told is None:
                peer.released.wait(30)
                self.close_connection = True
                return
            # Who asked may have given up meanwhile.
            with suppress(OSError):
                self.send_response(told[0])
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(told[1])))
                self.end_headers()
                self.wfile.write(told[1])

        def log_message(self, *_: object) -> None: ...

    for method in ("GET", "POST", "PATCH", "DELETE"):
        setattr(Handler, f"do_{method}", Handler._handle)
    return Handler


@contextmanager
def serving(peer: Peer, path: Path | None = None, tls: ssl.SSLContext | None = None) -> Iterator[None]:
    """Serve on a socket's path, or on a free loopback port, with a certificate where one is given."""
    if path is not None:
        server: _Server = _UnixServer(str(path), _handler(peer))
        peer.url = str(path)
    else:
        server = _Server(("127.0.0.1", 0), _handler(peer))
        peer.url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}"
        if tls is not None:
            # The handshake is the handler's thread's affair, or one client that says nothing would stop all others.
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        peer.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


# ------------------------------------------------------------------------------------------------- the Docker engine


@dataclass
class Engine(Peer):
    """Containers by name. What the engine refuses is refused with its own words and status."""

    containers: dict[str, dict[str, Any]] = field(default_factory=dict)
    starts: int = 0

    def put(self, name: str, state: str = "running", service: str = "", **limits: int) -> dict[str, Any]:
        self.starts += 1
        self.containers[name] = {
            "Id": f"{self.starts:064x}",
            "Name": f"/{name}",
            "State": {
                "Status": state,
                "Running": state == "running",
                "StartedAt": f"2026-01-01T00:00:{self.starts:02d}.5Z",
            },
            "HostConfig": {"NanoCpus": 0, "CpuPeriod": 0, "CpuQuota": 0, "Memory": 0, "MemorySwap": 0, **limits},
            "Config": {"Labels": {"com.docker.compose.service": service} if service else {}},
        }
        return self.containers[name]

    def _turn(self, container: dict[str, Any], *, running: bool) -> None:
        container["State"]["Running"] = running
        container["State"]["Status"] = "running" if running else "exited"
        if running:
            self.starts += 1
            container["State"]["StartedAt"] = f"2026-01-01T00:00:{self.starts:02d}.5Z"

    def answer(self, asked: Asked) -> Reply:
        parts = asked.path.strip("/").split("/")
        if asked.method == "GET" and parts == ["containers", "json"] and asked.query == {"all": "1"}:
            return 200, [self._listed(one) for one in self.containers.values()]
        found = next((c for n, c in self.containers.items() if len(parts) > 1 and parts[1] in {n, c["Id"]}), None)
        if parts[0] != "containers" or len(parts) != 3:
            return 404, {"message": "page not found"}
        if found is None:
            return 404, {"message": f"No such container: {parts[1]}"}
        if asked.method == "GET" and parts[2] == "json":
            return 200, found
        return self._change(found, parts[2], asked) if asked.method == "POST" else (405, {"message": "method"})

    def _change(self, found: dict[str, Any], verb: str, asked: Asked) -> Reply:
        running = found["State"]["Running"]
        if verb in {"restart", "stop"} and set(asked.query) <= {"t", "signal"}:
            if verb == "stop" and not running:
                return 304, None
            self._turn(found, running=verb == "restart")
            return 204, None
        if verb == "start" and not asked.query:
            if running:
                return 304, None
            self._turn(found, running=True)
            return 204, None
        if verb == "kill" and set(asked.query) == {"signal"}:
            if not running:
                return 409, {"message": f"container {found['Id']} is not running"}
            if asked.query["signal"] in {"SIGKILL", "SIGTERM"}:
                self._turn(found, running=False)
            return 204, None
        if verb == "update" and asked.headers.get("content-type") == "application/json":
            return self._update(found["HostConfig"], asked.body)
        return 400, {"message": f"bad request: {verb} {asked.query}"}

    @staticmethod
    def _update(limits: dict[str, Any], wish: dict[str, int]) -> Reply:
        # moby, daemon/update and container.UpdateContainer: zero is "as it is"; the two ways of limiting exclude
        # each other; memory without swap above the known swap is refused.
        if (wish.get("NanoCpus") and (limits["CpuQuota"] > 0 or wish.get("CpuQuota"))) or (
            wish.get("CpuQuota") and limits["NanoCpus"]
        ):
            return 400, {"message": "Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set"}
        swap = wish.get("MemorySwap") or limits["MemorySwap"]
        if wish.get("Memory") and 0 < swap < wish["Memory"]:
            return 409, {"message": "Memory limit should be smaller than already set memoryswap limit"}
        limits.update({name: value for name, value in wish.items() if value})
        return 200, {"Warnings": []}

    @staticmethod
    def _listed(one: dict[str, Any]) -> dict[str, Any]:
        state = one["State"]["Status"]
        status = {"running": "Up 5 minutes", "exited": "Exited (137) 2 seconds ago"}.get(state, state)
        return {"Names": [one["Name"]], "State": state, "Status": status, "Labels": one["Config"]["Labels"]}


# -------------------------------------------------------------------------------------------------- the API server


@dataclass
class Cluster(Peer):
    """Deployments, replica sets and pods of the namespace `shop`, with the preconditions of a real API server."""

    deployments: dict[str, dict[str, Any]] = field(default_factory=dict)
    sets: list[dict[str, Any]] = field(default_factory=list)
    pods: dict[str, dict[str, Any]] = field(default_factory=dict)
    version: int = 100
    token: str = ""

    def put(self, name: str, image: str, replicas: int = 2) -> dict[str, Any]:
        self.deployments[name] = {
            "metadata": {
                "name": name,
                "uid": f"uid-{name}-{self.version}",
                "generation": 1,
                "resourceVersion": str(self.version),
                "annotations": {"deployment.kubernetes.io/revision": "0"},
            },
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": {"app": name}},
                "template": self.template(name, image),
            },
            "status": {"availableReplicas": replicas},
        }
        self._roll(self.deployments[name])
        return self.deployments[name]

    @staticmethod
    def template(name: str, image: str) -> dict[str, Any]:
        return {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "main", "image": image}]}}

    def deploy(self, name: str, image: str) -> None:
        self.deployments[name]["spec"]["template"] = self.template(name, image)
        self._roll(self.deployments[name])

    def put_pod(self, name: str, *, owned: bool = True) -> None:
        owners = [{"kind": "ReplicaSet", "uid": "rs", "controller": True}] if owned else []
        self.pods[name] = {"metadata": {"name": name, "uid": f"uid-{name}-{self._next()}", "ownerReferences": owners}}

    def _next(self) -> int:
        self.version += 1
        return self.version

    def _roll(self, deployment: dict[str, Any]) -> None:
        """Do what the deployment controller does after the template changed."""
        meta = deployment["metadata"]
        number = str(int(meta["annotations"]["deployment.kubernetes.io/revision"]) + 1)
        meta["annotations"]["deployment.kubernetes.io/revision"] = number
        meta["resourceVersion"] = str(self._next())
        template = json.loads(json.dumps(deployment["spec"]["template"]))
        same = [one for one in self.sets if _without_hash(one["spec"]["template"]) == template]
        if same:
            same[0]["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = number
            return
        template["metadata"]["labels"]["pod-template-hash"] = f"hash{number}"
        self.sets.append(
            {
                "metadata": {
                    "name": f"{meta['name']}-{number}",
                    "annotations": {"deployment.kubernetes.io/revision": number},
                    "ownerReferences": [{"uid": meta["uid"], "controller": True}],
                },
                "spec": {"template": template},
            }
        )

    def answer(self, asked: Asked) -> Reply:
        if self.token and asked.headers.get("authorization") != f"Bearer {self.token}":
            return 401, _status(401, "Unauthorized")
        parts = asked.path.strip("/").split("/")
        if parts[:5] == ["apis", "apps", "v1", "namespaces", "shop"]:
            return self._apps(parts[5:], asked)
        if parts[:5] == ["api", "v1", "namespaces", "shop", "pods"] and len(parts) == 6:
            return self._pod(parts[5], asked)
        return 404, _status(404, f"the server could not find the requested resource {asked.path}")

    def _apps(self, parts: list[str], asked: Asked) -> Reply:
        if asked.method == "GET" and parts == ["deployments"]:
            return 200, {"items": list(self.deployments.values())}
        if asked.method == "GET" and parts == ["replicasets"]:
            name, _, value = asked.query["labelSelector"].partition("=")
            return 200, {
                "items": [one for one in self.sets if one["spec"]["template"]["metadata"]["labels"].get(name) == value]
            }
        found = self.deployments.get(parts[1]) if len(parts) > 1 else None
        if found is None:
            return 404, _status(404, f'deployments.apps "{parts[-1]}" not found')
        if asked.method == "GET" and len(parts) == 2:
            return 200, found
        if asked.method == "PATCH" and asked.query.get("fieldManager") == "steersman":
            return self._patch(found, parts[2:], asked)
        return 405, _status(405, "method not allowed")

    def _patch(self, found: dict[str, Any], rest: list[str], asked: Asked) -> Reply:
        draft = json.loads(json.dumps(found))
        kind = asked.headers["content-type"]
        if kind == "application/strategic-merge-patch+json":
            if rest == ["scale"] and set(asked.body["spec"]) != {"replicas"}:
                return 422, _status(422, "a scale has replicas only")
            _merge(draft, asked.body)
        elif kind == "application/json-patch+json" and not rest:
            for step in asked.body:
                _at(draft, step)
        else:
            return 415, _status(415, f"the body of the request was in an unknown format: {kind}")
        for name in ("uid", "resourceVersion"):
            if draft["metadata"][name] != found["metadata"][name]:
                return 409, _status(409, f"the object has been modified; please apply your changes ({name})")
        if asked.query.get("dryRun") == "All":
            return 200, draft
        if draft["spec"] != found["spec"]:
            draft["metadata"]["generation"] += 1
            draft["metadata"]["resourceVersion"] = str(self._next())
        self.deployments[found["metadata"]["name"]] = draft
        if draft["spec"]["template"] != found["spec"]["template"]:
            self._roll(draft)
        return 200, draft

    def _pod(self, name: str, asked: Asked) -> Reply:
        found = self.pods.get(name)
        if found is None:
            return 404, _status(404, f'pods "{name}" not found')
        if asked.method == "GET":
            return 200, found
        if asked.method != "DELETE" or asked.body.get("kind") != "DeleteOptions":
            return 400, _status(400, "bad request")
        if asked.body["preconditions"]["uid"] != found["metadata"]["uid"]:
            return 409, _status(409, "the UID in the precondition does not match")
        if asked.query.get("dryRun") != "All":
            del self.pods[name]
        return 200, found


def _status(code: int, message: str) -> dict[str, Any]:
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code}


def _without_hash(template: dict[str, Any]) -> dict[str, Any]:
    copy = json.loads(json.dumps(template))
    copy["metadata"]["labels"].pop("pod-template-hash", None)
    return dict(copy)


def _merge(into: dict[str, Any], patch: dict[str, Any]) -> None:
    for name, value in patch.items():
        if isinstance(value, dict):
            _merge(into.setdefault(name, {}), value)
        else:
            into[name] = value


def _at(draft: dict[str, Any], step: dict[str, Any]) -> None:
    *way, last = step["path"].strip("/").split("/")
    place = draft
    for part in way:
        place = place[part]
    assert step["op"] == "add" or (step["op"] == "replace" and last in place)
    place[last] = step["value"]


# ------------------------------------------------------------------------------------------------ a bus with systemd

_MANAGER = "org.freedesktop.systemd1.Manager"
_OBJECT = "/org/freedesktop/systemd1"


@dataclass
class Bus:
    """A message bus on a socket with systemd behind it; its units by name."""

    path: Path
    units: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    #: Error names or None (no answer at all) for the next calls of a method.
    instead: dict[str, list[str | None]] = field(default_factory=dict)
    results: list[str] = field(default_factory=list)
    #: End the job before the answer that names it, as a quick job does.
    hurried: bool = False
    count: int = 0

    @property
    def address(self) -> str:
        return f"unix:path={self.path}"

    @property
    def changes(self) -> list[tuple[str, tuple[Any, ...]]]:
        return [one for one in self.asked if one[0].endswith("Unit") and one[0] not in {"LoadUnit", "GetUnit"}]

    def put(self, name: str, active: str = "active") -> dict[str, Any]:
        self.count += 1
        self.units[name] = {"ActiveState": active, "Invocation": self.count, "Changed": self.count, "Load": "loaded"}
        return self.units[name]

    def _turn(self, unit: dict[str, Any], method: str) -> None:
        self.count += 1
        unit["Changed"] = self.count
        if method in {"StartUnit", "RestartUnit"}:
            unit |= {"ActiveState": "active", "Invocation": self.count}
        elif method == "StopUnit":
            unit["ActiveState"] = "inactive"

    def answer(self, message: Any) -> list[Any]:
        fields = message.header.fields
        member, body = fields[HeaderFields.member], tuple(message.body)
        self.asked.append((member, body))
        if self.instead.get(member):
            name = self.instead[member].pop(0)
            return [] if name is None else [new_error(message, name, "s", (f"{member} is refused",))]
        if member == "Hello":
            return [new_method_return(message, "s", (":1.7",))]
        if member in {"AddMatch", "Subscribe"}:
            return [new_method_return(message)]
        assert fields[HeaderFields.destination] == "org.freedesktop.systemd1"
        return self._systemd(message, member, body)

    def _systemd(self, message: Any, member: str, body: tuple[Any, ...]) -> list[Any]:
        fields = message.header.fields
        if member == "GetAll":
            assert body == ("org.freedesktop.systemd1.Unit",)
            name = bytes.fromhex(fields[HeaderFields.path].rpartition("/")[2]).decode()
            return [new_method_return(message, "a{sv}", (self._properties(name),))]
        assert (fields[HeaderFields.path], fields[HeaderFields.interface]) == (_OBJECT, _MANAGER)
        if member == "LoadUnit":
            return [new_method_return(message, "o", (f"{_OBJECT}/unit/{body[0].encode().hex()}",))]
        if member == "ListUnitsByPatterns":
            rows = [
                (name, name, unit["Load"], unit["ActiveState"], "sub", "", f"{_OBJECT}/unit/x", 0, "", "/")
                for name, unit in sorted(self.units.items())
            ]
            return [new_method_return(message, "a(ssssssouso)", (rows,))]
        unit = self.units.get(body[0])
        if unit is None:
            return [new_error(message, "org.freedesktop.systemd1.NoSuchUnit", "s", (f"Unit {body[0]} not found.",))]
        if member == "KillUnit":
            if body[2] in {9, 15}:
                self._turn(unit, "StopUnit")
            return [new_method_return(message)]
        assert member in {"StartUnit", "StopUnit", "RestartUnit", "ReloadUnit"}
        assert body[1] == "replace"
        return self._job(message, member, unit, body[0])

    def _job(self, message: Any, member: str, unit: dict[str, Any], name: str) -> list[Any]:
        result = self.results.pop(0) if self.results else "done"
        if result == "done":
            self._turn(unit, member)
        job = f"{_OBJECT}/job/{self.count}"
        manager = DBusAddress(_OBJECT, interface=_MANAGER)
        other = new_signal(manager, "JobRemoved", "uoss", (0, f"{_OBJECT}/job/0", "other.service", "failed"))
        ended = new_signal(manager, "JobRemoved", "uoss", (self.count, job, name, result))
        named = new_method_return(message, "o", (job,))
        return [ended, named] if self.hurried else [other, named, ended]

    def _properties(self, name: str) -> dict[str, tuple[str, Any]]:
        unit = self.units.get(name, {"ActiveState": "inactive", "Invocation": 0, "Changed": 0, "Load": "not-found"})
        return {
            "LoadState": ("s", unit["Load"]),
            "ActiveState": ("s", unit["ActiveState"]),
            "InvocationID": ("ay", unit["Invocation"].to_bytes(16, "big")),
            "Job": ("(uo)", (0, "/")),
            "StateChangeTimestampMonotonic": ("t", unit["Changed"]),
        }


@contextmanager
def on_bus(bus: Bus) -> Iterator[Bus]:
    """Listen on the bus's socket; each connection has a thread."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(bus.path))
    listener.listen()
    open_ones: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            open_ones.append(connection)
            threading.Thread(target=_talk, args=(bus, connection), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield bus
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
        for connection in open_ones:
            connection.close()


def _talk(bus: Bus, connection: socket.socket) -> None:
    """Speak the handshake of the D-Bus specification as a server, then messages."""
    serials = iter(range(1, 1 << 30))
    rest = _shake_hands(connection)
    parser = Parser()
    while rest is not None:
        parser.add_data(rest)
        while (message := parser.get_next_message()) is not None:
            assert message.header.message_type is MessageType.method_call
            for told in bus.answer(message):
                told.header.fields[HeaderFields.sender] = "org.freedesktop.systemd1"
                # A client that has heard enough is gone before the last signals.
                with suppress(OSError):
                    connection.sendall(told.serialise(serial=next(serials)))
        rest = _received(connection)


def _shake_hands(connection: socket.socket) -> bytes | None:
    told: dict[bytes, Callable[[bytes], bytes]] = {
        b"AUTH": lambda line: (
            b"OK 0123456789abcdef0123456789abcdef\r\n"
            if line == b"AUTH EXTERNAL " + str(os.getuid()).encode().hex().encode()
            else b"REJECTED EXTERNAL\r\n"
        ),
        b"NEGOTIATE_UNIX_FD": lambda _line: b"ERROR\r\n",
    }
    pending = b""
    while (more := _received(connection)) is not None:
        pending = (pending + more).removeprefix(b"\0")
        while b"\r\n" in pending:
            line, _, pending = pending.partition(b"\r\n")
            if line == b"BEGIN":
                return pending
            connection.sendall(told[line.split(b" ")[0]](line))
    return None


def _received(connection: socket.socket) -> bytes | None:
    try:
        return connection.recv(65536) or None
    except OSError:
        return None
