"""The harness of the conformance kit: the real composition with any services in it, driven without a socket."""

from __future__ import annotations

import asyncio
import importlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

import pytest

from steersman.app import Platform, compose, configured, living
from steersman.contract.ports import Caller, Context, JournalEntry
from steersman.contract.service import Service
from steersman.contract.testing import Answer
from steersman.model.ids import Tenant
from steersman.runtime.clock import SystemClock
from steersman.runtime.datadir import DataDir
from steersman.runtime.house import ITSELF
from steersman.runtime.identity import accounts, apikeys, tenants
from steersman.runtime.identity.accounts import Account, Kind
from steersman.runtime.identity.identity import Identity
from steersman.runtime.logs import Logs

_PATIENCE_SECONDS = 60


class LiveHarness:
    """Runs the services on an event loop of its own, in a thread; requests come straight to the ASGI application."""

    def __init__(self, platform: Platform, tokens: Mapping[frozenset[str], str]) -> None:
        self._platform = platform
        self._tokens = tokens
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._started = threading.Event()
        self._threads = ThreadPoolExecutor(1)
        self._elsewhere: dict[tuple[str, frozenset[str]], str] = {}

    def __enter__(self) -> Self:
        self._life = self._threads.submit(self._run)
        self._life.add_done_callback(lambda _life: self._started.set())
        self._started.wait(_PATIENCE_SECONDS)
        if self._life.done():
            self._life.result()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._threads.shutdown()
        self._life.result()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._live())

    async def _live(self) -> None:
        async with living(self._platform):
            while not all(check.ready for check in self._platform.house.health()):  # noqa: ASYNC110 health is asked; it calls nobody
                await asyncio.sleep(0.01)
            self._started.set()
            await self._stop.wait()

    def call(self, method: str, path: str, permissions: frozenset[str] | None, body: Any = None) -> Answer:
        headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
        if permissions is not None:
            headers.append((b"authorization", f"Bearer {self._tokens[permissions]}".encode()))
        content = b"" if body is None else json.dumps(body).encode()
        asking = asyncio.run_coroutine_threadsafe(self._ask(method, path, headers, content), self._loop)
        return asking.result(_PATIENCE_SECONDS)

    def call_in_tenant(
        self, method: str, path: str, permissions: frozenset[str], body: Any = None, *, tenant: str = "elsewhere"
    ) -> Answer:
        """Ask with a real key of a real account of another tenant, whose role grants these permissions."""
        token = self._elsewhere.get((tenant, permissions))
        if token is None:
            identity = self._platform.house.ports.get(Identity)
            token = self._elsewhere[tenant, permissions] = key_in_tenant(identity, tenant, permissions)
        headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
        headers.append((b"authorization", f"Bearer {token}".encode()))
        content = b"" if body is None else json.dumps(body).encode()
        asking = first_answer(self._platform.front, method, path, headers, content)
        return asyncio.run_coroutine_threadsafe(asking, self._loop).result(_PATIENCE_SECONDS)

    async def _ask(self, method: str, path: str, headers: list[tuple[bytes, bytes]], content: bytes) -> Answer:
        path, _, query = path.partition("?")
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": headers,
            "server": ("127.0.0.1", 7600),
            "client": ("127.0.0.1", 50000),
        }
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": content, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await self._platform.front(scope, receive, send)
        text = b"".join(message.get("body", b"") for message in sent[1:])
        kind = dict(sent[0]["headers"]).get(b"content-type", b"")
        return Answer(sent[0]["status"], json.loads(text) if b"json" in kind else text.decode())

    def context(self, service: Service) -> Context:
        return self._platform.house.context(service, ITSELF)

    def journal(self) -> Sequence[JournalEntry]:
        return self._platform.house.ports.journal.read(limit=1000)

    def load(self, target: str) -> Any:
        module, _, name = target.partition(":")
        return getattr(importlib.import_module(module), name)


def _tokens(services: Sequence[Service]) -> dict[frozenset[str], str]:
    """One token for every set of permissions that the kit asks with.

    Everything, one alone, all but one of a service, and that of an action with that of a knob which it may turn.
    """
    sets = {frozenset({permission}) for service in services for permission in service.permissions} | {frozenset({"*"})}
    for service in services:
        everything = frozenset(service.permissions)
        sets |= {everything - {permission} for permission in everything}
    acting = {action.permission for service in services for action in service.actions}
    turning = {knob.permission for service in services for knob in service.knobs}
    sets |= {frozenset({one, other}) for one in acting for other in turning}
    return {granted: f"token-{number}" for number, granted in enumerate(sorted(sets, key=sorted))}


def key_in_tenant(identity: Identity, tenant: str, permissions: frozenset[str]) -> str:
    """Return an API key of a new service account of a tenant that holds a role with these permissions."""
    ports, now, owner = identity.ports, identity.now_ms(), Tenant(tenant)
    with ports.database.transaction() as transaction:
        if not tenants.is_open(transaction, owner):
            tenants.add(transaction, tenants.TenantRecord(owner, "", disabled=False, created_ms=now))
        made = ports.ids.new()
        accounts.save_role(transaction, owner, f"r{made}", "", sorted(permissions))
        account = Account(made, owner, f"robot-{made}", "", Kind.SERVICE, False, now, (f"r{made}",))
        accounts.add_account(transaction, account, None)
        return apikeys.make(transaction, ports.ids.new(), made, "", ["*"], now, now + 3_600_000)


async def first_answer(
    front: Any, method: str, path: str, headers: list[tuple[bytes, bytes]], content: bytes = b""
) -> Answer:
    """Return an answer that ends in a moment whole; of what goes on there is only the status."""
    path, _, query = path.partition("?")
    scope = {"type": "http", "http_version": "1.1", "method": method, "scheme": "http", "path": path, "raw_path": path.encode(),
             "query_string": query.encode(), "root_path": "", "headers": headers, "server": ("127.0.0.1", 7600), "client": ("127.0.0.1", 5)}  # fmt: skip
    began, parts = asyncio.Event(), list[Any]()
    messages = [{"type": "http.request", "body": content, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        # Whoever asks once more waits for the sender to go away, which it does once the answer has begun.
        await began.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        parts.append(message)
        headers = dict(message.get("headers", ()))
        streams = b"event-stream" in headers.get(b"content-type", b"")
        ends = message["type"] == "http.response.body" and not message.get("more_body")
        if streams or ends:
            began.set()

    asking, beginning = asyncio.ensure_future(front(scope, receive, send)), asyncio.ensure_future(began.wait())
    await asyncio.wait([asking, beginning], return_when=asyncio.FIRST_COMPLETED)
    for task in (asking, beginning):
        task.cancel()
    await asyncio.gather(asking, beginning, return_exceptions=True)
    text = b"".join(message.get("body", b"") for message in parts[1:])
    kind = dict(parts[0]["headers"]).get(b"content-type", b"")
    return Answer(parts[0]["status"], json.loads(text) if b"json" in kind and text else text.decode())


OpenHarness = Callable[..., Any]


@pytest.fixture
def open_harness(tmp_path: Path) -> OpenHarness:
    """Open a fresh platform with these services, and with what else the settings should hold, by dotted key."""

    @contextmanager
    def opened(services: Sequence[Service], given: Mapping[str, Any] | None = None) -> Iterator[LiveHarness]:
        with ExitStack() as stack:
            own = {"data": tmp_path / "data", "bootstrap_token": "a-long-enough-token"}
            settings = configured(services, None, {**own, **(given or {})})
            directory = DataDir.open(settings.house.data)
            stack.callback(directory.close)
            tokens = _tokens(services)
            keys = [(token, Caller("somebody", permissions=granted)) for granted, token in tokens.items()]
            platform = compose(services, settings, directory, Logs(SystemClock()), keys, stack)
            yield stack.enter_context(LiveHarness(platform, tokens))

    return opened
