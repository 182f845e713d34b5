"""A small platform over the fakes, asked without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import Response

from steersman.contract.fakes import FakeClock, fake_ports
from steersman.contract.ports import Caller, Context
from steersman.contract.service import RawRoute, Route, Service
from steersman.model.errors import Conflict, InvalidInput, NotFound, Temporary
from steersman.runtime.house import House
from steersman.runtime.http.assembly import Rules, assemble
from steersman.runtime.http.limits import Limits, Traffic
from steersman.runtime.identity.identity import Identity
from steersman.runtime.identity.settings import IdentitySettings
from steersman.runtime.tracing import Tracing

TOKEN = "the-bootstrap-token"
BEARER = {"authorization": f"Bearer {TOKEN}"}


def whoami(context: Context, shout: bool = False) -> dict[str, str]:
    return {"subject": context.caller.subject.upper() if shout else context.caller.subject}


async def fail(kind: str) -> None:
    failures: dict[str, Exception] = {
        "input": InvalidInput("the colour is not a colour"),
        "missing": NotFound("there is no such thing"),
        "conflict": Conflict("it changed meanwhile"),
        "later": Temporary("the disk is full", retry_after=2.5),
        "defect": RuntimeError("secret detail"),
    }
    raise failures[kind]


async def echo(context: Context, request: Request) -> Response:
    body = await request.body()
    if body == b"defect":
        raise RuntimeError("secret detail")
    return Response(body or request.path_params.get("name", context.caller.subject))


EXAMPLE = Service(
    name="example",
    help="Routes of every sort.",
    prefixes=("/api/example", "/hot"),
    permissions={"example.thing.read": "Read.", "example.thing.write": "Write."},
    routes=(
        Route(
            method="GET", path="/api/example/whoami", handler=whoami, permission="example.thing.read", summary="Who?"
        ),
        Route(
            method="GET",
            path="/api/example/fail/{kind}",
            handler=fail,
            permission="example.thing.read",
            summary="Fail.",
        ),
    ),
    raw_routes=(
        RawRoute(
            methods=frozenset({"POST", "GET"}),
            path="/hot",
            handler=echo,
            permission="example.thing.write",
            summary="Echo.",
        ),
        RawRoute(
            methods=frozenset({"GET"}),
            path="/hot/{name}/x",
            handler=echo,
            permission="example.thing.write",
            summary="Echo.",
        ),
    ),
)


class Site:
    """An assembled platform; `ask` makes one request, as the holder of the token unless told otherwise."""

    def __init__(
        self,
        folder: Path,
        services: Sequence[Service] = (EXAMPLE,),
        *,
        people: bool | IdentitySettings = False,
        provided: dict[type, Any] | None = None,
        **rules: Any,
    ) -> None:
        self.clock = FakeClock()
        provided = {**(provided or {})}
        ports = fake_ports(folder, clock=self.clock, provided=provided)
        if people:
            provided[Identity] = self.identity = Identity.open(
                ports, services, people if isinstance(people, IdentitySettings) else IdentitySettings()
            )
        self.house = House(services, ports, provided)
        reader = Caller("reader", permissions=frozenset({"example.thing.read"}))
        keys = [(TOKEN, Caller("bootstrap", permissions=frozenset({"*"}))), ("reader-token", reader)]
        self.limits, self.traffic = Limits(body_bytes=1000), Traffic()
        self.tracing = Tracing(self.clock)
        self.front = assemble(self.house, Rules(keys=keys, **rules), self.limits, self.traffic, self.tracing)

    def start(self) -> Site:
        async def once() -> None:
            async with self.house.running():
                pass

        asyncio.run(once())
        return self

    def ask(self, method: str, url: str, **request: Any) -> httpx2.Response:
        request.setdefault("headers", BEARER)

        async def once() -> httpx2.Response:
            transport = httpx2.ASGITransport(self.front)
            async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:7600") as client:
                return await client.request(method, url, **request)

        return asyncio.run(once())

    def get(self, url: str, **request: Any) -> httpx2.Response:
        return self.ask("GET", url, **request)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path).start()


@pytest.fixture
def make_site(tmp_path: Path) -> Callable[..., Site]:
    return lambda *args, **rules: Site(tmp_path, *args, **rules)
