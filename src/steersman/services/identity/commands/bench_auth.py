"""`steersman bench auth`: what admission costs.

Token checks a second on one core: of a token that was verified a moment ago, of one that was not but whose session is
known, and of one of which nothing is known. Beside them the bootstrap token, which is a comparison of strings. Then
sign-ins at ten a second, and requests through the whole front with an access token beside the same without any check.
All in one process and in one run.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import typer

from steersman.contract.fakes import fake_ports
from steersman.contract.ports import Caller, Context, Ports
from steersman.contract.service import RawRoute, Service
from steersman.runtime.clock import SystemClock
from steersman.runtime.database.engine import open_engine
from steersman.runtime.database.journal import SqlJournal
from steersman.runtime.database.migrate import HOUSE_LINEAGE, migrate
from steersman.runtime.database.sql import SqlDatabase
from steersman.runtime.house import House
from steersman.runtime.http.assembly import Rules, assemble
from steersman.runtime.http.door import Door, Headers
from steersman.runtime.http.limits import Limits, Traffic
from steersman.runtime.http.problems import problem
from steersman.runtime.identity.accounts import Kind
from steersman.runtime.identity.identity import Identity
from steersman.runtime.identity.login import Attempt
from steersman.runtime.identity.settings import IdentitySettings
from steersman.runtime.ids import RandomIds
from steersman.runtime.tracing import Tracing
from steersman.services.identity.store import Administration

_ROOT = Caller("bench", permissions=frozenset({"*"}))
_BOOTSTRAP = "a-bootstrap-token-of-43-characters-and-more"
_NAME, _PASSWORD = "ines", "a green kettle sings by itself"
_SECONDS = 1.0
_TOKENS = 500


async def _nothing(_ctx: Context, _request: Any) -> Any:
    return problem(200, "")


_SERVICE = Service(
    name="bench",
    help="One route that does nothing.",
    prefixes=("/bench",),
    permissions={"bench.thing.read": "Ask for nothing."},
    raw_routes=(
        RawRoute(
            methods=frozenset({"GET"}),
            path="/bench",
            handler=_nothing,
            permission="bench.thing.read",
            summary="Nothing.",
        ),
    ),
)


def auth(
    logins: Annotated[int, typer.Option(help="How many sign-ins, at ten a second.")] = 100,
    requests: Annotated[int, typer.Option(help="How many requests through the front, of each kind.")] = 20_000,
) -> None:
    """Measure, and print one line for each figure."""
    with tempfile.TemporaryDirectory(prefix="steersman-bench-") as folder:
        clock = SystemClock()
        with closing(SqlDatabase(open_engine(None, Path(folder)))) as database:
            migrate(database, [HOUSE_LINEAGE])
            provided: dict[type, Any] = {}
            ports = fake_ports(
                Path(folder),
                clock=clock,
                ids=RandomIds(clock),
                database=database,
                journal=SqlJournal(database),
                provided=provided,
            )
            identity = Identity.open(ports, [_SERVICE], IdentitySettings())
            provided[Identity] = identity
            add = Administration(identity, frozenset(_SERVICE.permissions), _ROOT).add
            add(_NAME, "", Kind.PERSON, _PASSWORD, ["viewer"])
            asyncio.run(_measure(ports, identity, logins, requests))


async def _measure(ports: Ports, identity: Identity, logins: int, requests: int) -> None:
    signed_in = await identity.login.for_tokens(_attempt())
    tokens = [identity.tokens.issue(signed_in.account, signed_in.session).encode() for _ in range(_TOKENS)]
    _checks(ports, identity, tokens)
    await _logins(identity, logins)
    await _requests(ports, tokens[0], requests)


def _checks(ports: Ports, identity: Identity, tokens: list[bytes]) -> None:
    admission, door = identity.admission, Door([(_BOOTSTRAP, _ROOT)], clock=ports.clock, admission=identity.admission)
    bearer = Headers(authorization=b"Bearer " + tokens[0])
    admission.check(tokens[0], "")
    base = _rate(lambda _n: door.caller(Headers(authorization=f"Bearer {_BOOTSTRAP}".encode())))
    cached = _rate(lambda _n: door.caller(bearer))
    signature = _rate(lambda n: identity.tokens.verify(tokens[n % _TOKENS]))

    def known_session(n: int) -> None:
        admission.forget_tokens()
        admission.check(tokens[n % _TOKENS], "")

    def cold(n: int) -> None:
        admission.forget(lambda _caller: True)
        admission.check(tokens[n % _TOKENS], "")

    uncached, unknown = _rate(known_session), _rate(cold)
    for name, rate in (
        ("bootstrap token", base),
        ("access token, cached", cached),
        ("access token, signature and claims alone", signature),
        ("access token, uncached, its session known", uncached),
        ("access token, uncached, nothing known", unknown),
    ):
        typer.echo(f"{name:<44} {rate:>10,.0f} checks a second on one core, {rate / base:.3f} of the bootstrap token")


def _rate(check: Callable[[int], object]) -> float:
    count, began = 0, perf_counter()
    while (passed := perf_counter() - began) < _SECONDS:
        for _ in range(20):
            check(count)
            count += 1
    return count / passed


async def _logins(identity: Identity, logins: int) -> None:
    taken: list[float] = []

    async def one(number: int) -> None:
        await asyncio.sleep(number / 10)
        began = perf_counter()
        await identity.login.for_tokens(replace(_attempt(), address=f"192.0.2.{number % 250}"))
        taken.append(perf_counter() - began)

    await asyncio.gather(*(one(number) for number in range(logins)))
    typer.echo(f"sign-ins at 10 a second: P50 {_percentile(taken, 50):.1f} ms, P95 {_percentile(taken, 95):.1f} ms")


async def _requests(ports: Ports, token: bytes, count: int) -> None:
    bare, guarded = await _front(ports, insecure=True), await _front(ports, insecure=False)
    header = (b"authorization", b"Bearer " + token)
    without, checked = [], []
    for _ in range(count):
        without.append(await _timed(bare, []))
        checked.append(await _timed(guarded, [header]))
    told = [(_percentile(times, 50), _percentile(times, 99)) for times in (without, checked)]
    added = told[1][1] - told[0][1]
    typer.echo(f"a request without a check: P50 {told[0][0]:.3f} ms, P99 {told[0][1]:.3f} ms")
    typer.echo(f"the same with a token:     P50 {told[1][0]:.3f} ms, P99 {told[1][1]:.3f} ms: {added:+.3f} ms")


async def _front(ports: Ports, *, insecure: bool) -> Any:
    house = House([_SERVICE], ports, ports.provided)  # type: ignore[arg-type]
    front = assemble(house, Rules(keys=[], insecure=insecure), Limits(body_bytes=1000), Traffic(), Tracing(ports.clock))
    async with house.running():
        return front


async def _timed(front: Any, headers: list[tuple[bytes, bytes]]) -> float:
    scope = {
        "type": "http",
        "scheme": "http",
        "method": "GET",
        "path": "/bench",
        "query_string": b"",
        "headers": [(b"host", b"localhost"), *headers],
        "server": ("127.0.0.1", 7600),
        "client": ("127.0.0.1", 50000),
    }
    receive: Callable[[], Awaitable[Any]] = _no_body
    began = perf_counter()
    await front(scope, receive, _discard)
    return perf_counter() - began


async def _no_body() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _discard(_message: Any) -> None:
    return


def _attempt() -> Attempt:
    return Attempt(_NAME, _PASSWORD, "", "192.0.2.1", "bench")


def _percentile(seconds: list[float], share: int) -> float:
    """Return a percentile in milliseconds."""
    return statistics.quantiles(seconds, n=100)[share - 1] * 1000
