"""Whoever listens to a stream hears nothing any more once they may not; the streams come from the declarations."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from steersman.app import HOUSE_PROVIDES
from steersman.contract.ports import JournalEntry
from steersman.model.ids import DEFAULT_TENANT
from steersman.runtime.identity import accounts, sessions
from steersman.runtime.identity.accounts import Account, Kind
from steersman.runtime.identity.identity import Identity
from steersman.runtime.registry import discover

SERVICES = discover(house_provides=HOUSE_PROVIDES)
STREAMS = sorted(raw.path for service in SERVICES for raw in service.raw_routes if raw.path.endswith("/stream"))
_PATIENCE_SECONDS = 30


def _person(identity: Identity) -> tuple[Account, str]:
    ports, now = identity.ports, identity.now_ms()
    with ports.database.transaction() as transaction:
        made, session = ports.ids.new(), ports.ids.new()
        account = Account(made, DEFAULT_TENANT, f"n{made}", "", Kind.PERSON, False, now, ("viewer",))
        accounts.add_account(transaction, account, None)
        sessions.begin(transaction, session, made, "", "", now)
    return account, identity.tokens.issue(made, session)


def _disabled(identity: Identity, account: Account) -> None:
    with identity.ports.database.transaction() as transaction:
        accounts.change_account(transaction, account.id, disabled=True)


def _without_role(identity: Identity, account: Account) -> None:
    with identity.ports.database.transaction() as transaction:
        accounts.set_roles(transaction, account.id, ())


def _signed_out(identity: Identity, account: Account) -> None:
    with identity.ports.database.transaction() as transaction:
        sessions.end_all(transaction, account.id, "signed out", identity.now_ms())


TAKEN: tuple[Callable[[Identity, Account], None], ...] = (_disabled, _without_role, _signed_out)


async def _listened(harness: Any, path: str, token: str, take: Callable[[], None]) -> list[bytes]:
    """Listen until the first event, take the right away, let something happen, and return what was heard since."""
    headers = [(b"host", b"localhost"), (b"authorization", f"Bearer {token}".encode())]
    scope = {"type": "http", "http_version": "1.1", "method": "GET", "scheme": "http", "path": path, "raw_path": path.encode(),
             "query_string": b"", "root_path": "", "headers": headers, "server": ("127.0.0.1", 7600), "client": ("127.0.0.1", 5)}  # fmt: skip
    heard: asyncio.Queue[Any] = asyncio.Queue()
    never, asked = asyncio.Event(), [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Any:
        if not asked:
            await never.wait()
        return asked.pop()

    asking = asyncio.ensure_future(harness._platform.front(scope, receive, heard.put))
    while not (await heard.get()).get("body"):
        """The first event tells that somebody listens."""
    await asyncio.to_thread(take)
    while not heard.empty():
        heard.get_nowait()
    await asyncio.wait_for(asking, _PATIENCE_SECONDS)
    return [message.get("body", b"") for message in (heard.get_nowait() for _ in range(heard.qsize()))]


async def _heard_after(harness: Any, path: str, taken: Callable[[Identity, Account], None]) -> bytes:
    identity: Identity = harness._platform.house.ports.get(Identity)
    ports = identity.ports
    account, token = await asyncio.to_thread(_person, identity)

    def take() -> None:
        taken(identity, account)
        identity.forget_account(account.id)
        now_ns = ports.clock.wall_ns()
        ports.journal.record([JournalEntry(ports.ids.new(), now_ns, DEFAULT_TENANT, "x", "thing.happened", "after")])

    return b"".join(await _listened(harness, path, token, take))


@pytest.mark.requirement("ASVS-7.4.2", "ASVS-8.3.2")
def test_a_stream_ends_with_the_right_to_it(open_harness: Any) -> None:
    """By whatever it is taken away; and nothing of what happens afterwards is told."""
    ways = [(path, taken) for path in STREAMS for taken in TAKEN]
    with open_harness(SERVICES) as harness:

        async def all_at_once() -> list[bytes]:
            return await asyncio.gather(*(_heard_after(harness, *way) for way in ways))

        heard = asyncio.run_coroutine_threadsafe(all_at_once(), harness._loop).result(2 * _PATIENCE_SECONDS)
    assert [way for way, told in zip(ways, heard, strict=True) if told] == []
    assert len(STREAMS) >= 2
