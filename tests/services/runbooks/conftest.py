"""Runbooks without the rest of the platform, and a receiver of webhooks that remembers what it was sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from steersman.contract.fakes import MemorySettings, WordMasking, fake_ports
from steersman.contract.ports import Caller, Context, Masking
from steersman.services.runbooks.manifest import SERVICE
from steersman.services.runbooks.model import RunbookSettings
from steersman.services.runbooks.store import opened


@dataclass
class Receiver:
    """What came in, and what is answered next."""

    url: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"done"
    hang: threading.Event | None = None
    got: list[tuple[str, str, dict[str, str], Any]] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Serve on a free loopback port."""
    script = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            script.got.append((self.command, self.path, dict(self.headers.items()), json.loads(content)))
            if script.hang is not None:
                script.hang.wait(30)
            self.send_response(script.status)
            for name, value in script.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(script.body)))
            self.end_headers()
            self.wfile.write(script.body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    script.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield script
    if script.hang is not None:
        script.hang.set()
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass
class Book:
    """The service with some runbooks declared."""

    context: Context

    def action(self, risk: str) -> Any:
        return next(action for action in SERVICE.actions if action.name == f"run_{risk}")

    def args(self, name: str, target: str = "service:payments") -> Any:
        return self.action("disruptive").args(name, target)

    def apply(self, name: str, key: str = "k", risk: str = "disruptive") -> Any:
        return self.action(risk).apply(self.context, key, self.args(name))


@pytest.fixture
def declare(tmp_path: Path) -> Callable[..., Book]:
    """Declare runbooks by name."""

    def made(**runbooks: dict[str, Any]) -> Book:
        given = {name: {"target": "service:payments", **book} for name, book in runbooks.items()}
        settings = RunbookSettings.model_validate(given)
        provided = {Masking: WordMasking("leocadia")}
        ports = fake_ports(tmp_path, settings=MemorySettings(settings), provided=provided)
        return Book(Context(Caller("somebody"), ports, opened(settings, tmp_path)))

    return made
