"""The outermost layer: raw ASGI, because every remote-write request passes through it.

In this order: is the request meant for this host, who is calling, is the body small enough; then hot paths go
straight to their handler by one dictionary look-up, and everything else goes to the framework. It adds the
security headers and counts every answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from steersman.contract.ports import Caller
from steersman.model.errors import SteersmanError, Temporary, Unauthenticated
from steersman.runtime.console.assets import URL_PREFIX as STATIC
from steersman.runtime.house import House
from steersman.runtime.http import auth
from steersman.runtime.http.answer import PREFLIGHT, Answer
from steersman.runtime.http.bodies import CappedRequest, again, capped
from steersman.runtime.http.door import Door, Headers, Presented, read_headers
from steersman.runtime.http.entrance import Entrance
from steersman.runtime.http.freetext import FreeText
from steersman.runtime.http.guard import ASIDE_BYTES, Guard
from steersman.runtime.http.hotpaths import Hot, HotPaths
from steersman.runtime.http.limits import CONTROL_BODY_BYTES, Limits, Traffic
from steersman.runtime.http.probes import REFUSALS
from steersman.runtime.http.problems import describe, problem, unexpected
from steersman.runtime.http.proxies import Proxies
from steersman.runtime.http.scope import CALLER, ERROR_ID, TEMPLATE, address_of, is_loopback, wants_html
from steersman.runtime.http.shape import check_headers, check_json, check_path
from steersman.runtime.http.streams import as_long_as
from steersman.runtime.tracing import Tracing

_log = structlog.get_logger(__name__)

#: What somebody without a key may see.
OPEN = frozenset({"/healthz", "/readyz", "/login", *auth.OPEN, *auth.OPEN_PAGES})

_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Watch:
    """Whom to keep out, what to look for and where not, and whose word about the caller is believed."""

    guard: Guard
    free: FreeText
    proxies: Proxies


class Front:
    """The ASGI application that the server runs. `inner` answers whatever is not a hot path."""

    def __init__(
        self,
        house: House,
        door: Door,
        inner: ASGIApp,
        *,
        limits: Limits,
        traffic: Traffic,
        entrance: Entrance,
        tracing: Tracing,
        watch: Watch,
    ) -> None:
        self._house = house
        self._door = door
        self._inner = inner
        self._limits = limits
        self._traffic = traffic
        self._entrance = entrance
        self._tracing = tracing
        self._guard, self._free, self._proxies = watch.guard, watch.free, watch.proxies
        self._clock = house.ports.clock
        self._hot = HotPaths(house.services)

    @property
    def inner(self) -> ASGIApp:
        """What answers whatever is not a hot path."""
        return self._inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._refuse_socket(scope, send)
            return
        began = self._clock.monotonic()
        answer = Answer(send)
        try:
            self._proxies.see_through(scope)
            answer.secure = scope.get("scheme") == "https"
            await self._serve(scope, receive, answer)
        except SteersmanError as error:
            await self._say(error, scope, receive, answer)
        except ClientDisconnect:
            answer.status = answer.status or 499  # nobody reads the answer any more
        except Exception as error:  # noqa: BLE001 - the edge of a request: it answers for a defect and logs it
            await self._confess(error, scope, receive, answer)
        finally:
            template = scope.get(TEMPLATE, "unmatched")
            self._traffic.count(template, answer.status, self._clock.monotonic() - began)
            if answer.status in REFUSALS:
                self._guard.probes.refused(scope, answer.status)

    async def _serve(self, scope: Scope, receive: Receive, send: Answer) -> None:
        path: str = scope["path"]
        check_path(scope)
        check_headers(scope)
        self._guard.admit(address_of(scope))
        headers = read_headers(scope)
        self._door.check_host(scope, headers)
        self._door.check_origin(scope["method"], headers)
        if headers.origin and self._door.admits_origin(headers):
            send.origin = headers.origin
            if scope["method"] == "OPTIONS":
                await Response(None, 204, PREFLIGHT)(scope, receive, send)
                return
        if path == "/" and b"token=" in scope["query_string"]:
            await self._entrance.link(Request(scope))(scope, receive, send)
            return
        caller = await self._admit(path, headers, scope)
        if caller is not None:
            self._guard.places.see(caller, address_of(scope), scope)
        scope[CALLER] = caller
        by_method = self._hot.find(scope, path)
        if by_method is not None:
            if scope["query_string"] and self._free.describes(path):
                self._guard.look(scope, b"", self._free)
            await self._serve_hot(by_method, caller, headers, scope, receive, send)
            return
        await self._spend(caller, address_of(scope))
        self._limits.check_length(headers.content_length, CONTROL_BODY_BYTES)
        receive = await self._looked_at(scope, receive)
        # Hot paths are not traced: a span would cost as much as all of the rest here.
        # Nor does a span say the path: there may be a person's name in it, and spans are kept where nothing is erased.
        attributes = {"http.request.method": scope["method"]}
        with self._tracing.span(f"HTTP {scope['method']}", attributes, parent=_traceparent(scope)):
            await self._inner(scope, capped(receive, CONTROL_BODY_BYTES), send)

    async def _looked_at(self, scope: Scope, receive: Receive) -> Receive:
        """Look at what was sent, and hand on a body that can be read once more."""
        if scope["method"] in _WITHOUT_BODY:
            self._guard.look(scope, b"", self._free)
            return receive
        body = await CappedRequest(scope, receive, CONTROL_BODY_BYTES).body()
        if len(body) > ASIDE_BYTES:
            await run_in_threadpool(self._look_into, scope, body)
        else:
            self._look_into(scope, body)
        return again(body, receive)

    def _look_into(self, scope: Scope, body: bytes) -> None:
        if body.lstrip()[:1] in {b"{", b"["}:
            check_json(body)
        self._guard.look(scope, body, self._free)

    async def _spend(self, caller: Caller | None, address: str) -> None:
        """Count a request of the control API; raises `OverLimit`. Whoever is on this machine is not counted."""
        rates = self._guard.rates
        if rates.leasing is None or is_loopback(address):
            return
        if caller is None:
            await rates.spend(f"address:{address}", self._guard.stranger_limit)
        else:
            await rates.spend(f"caller:{caller.tenant}:{caller.account or caller.subject}", self._guard.caller_limit)

    async def _admit(self, path: str, headers: Headers, scope: Scope) -> Caller | None:
        """Return the caller; nobody gets no further than the open paths."""
        if path in OPEN or path.startswith(STATIC + "/"):
            return None
        caller = self._door.caller(headers)
        if isinstance(caller, Presented):
            caller = await run_in_threadpool(self._door.check, caller, address_of(scope))
        if caller is None:
            raise Unauthenticated("present the token: Authorization: Bearer ...")
        return caller

    async def _serve_hot(
        self,
        by_method: dict[str, Hot],
        caller: Caller | None,
        headers: Headers,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        method: str = scope["method"]
        hot = by_method.get("GET" if method == "HEAD" else method)
        if hot is None:
            allowed = ", ".join(sorted(by_method))
            await problem(405, f"this path takes {allowed}", headers={"allow": allowed})(scope, receive, send)
            return
        scope[TEMPLATE] = hot.route.path
        if caller is None:
            raise Unauthenticated("present the token: Authorization: Bearer ...")
        caller.demand(hot.route.permission)
        limits = self._limits
        limits.check_length(headers.content_length, limits.body_bytes)
        if limits.in_flight >= limits.in_flight_limit:
            raise Temporary(f"{limits.in_flight} requests are being served already", retry_after=1.0)
        limits.in_flight += 1
        try:
            context = self._house.context(hot.service, caller)
            response = await hot.route.handler(context, CappedRequest(scope, receive, limits.body_bytes))
            still = partial(self._may_still, hot, headers, scope)
            await as_long_as(still, response)(scope, receive, send)
        finally:
            limits.in_flight -= 1

    async def _may_still(self, hot: Hot, headers: Headers, scope: Scope) -> bool:
        """Tell whether whoever opened a stream would be let in again."""
        try:
            caller = await self._admit(scope["path"], headers, scope)
        except SteersmanError:
            return False
        return caller is not None and caller.may(hot.route.permission)

    async def _say(self, error: SteersmanError, scope: Scope, receive: Receive, answer: Answer) -> None:
        """Answer for an error raised on purpose; a person's browser gets the login form instead of a 401."""
        if answer.status:
            _log.warning("an answer broke off", path=scope["path"], reason=error.message)
            return
        if isinstance(error, Unauthenticated) and wants_html(Request(scope)):
            response = self._entrance.form(Request(scope))
            response.headers["www-authenticate"] = describe(error).headers["www-authenticate"]
        else:
            response = describe(error)
        await response(scope, receive, answer)

    async def _confess(self, error: Exception, scope: Scope, receive: Receive, answer: Answer) -> None:
        error_id = scope.get(ERROR_ID) or self._house.ports.ids.new()
        _log.error("a request failed unexpectedly", error_id=error_id, path=scope["path"], exc_info=error)
        if not answer.status:
            await unexpected(error_id)(scope, receive, answer)

    @staticmethod
    async def _refuse_socket(scope: Scope, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})


def _traceparent(scope: Scope) -> str | None:
    found = next((value for name, value in scope["headers"] if name == b"traceparent"), None)
    return None if found is None else found.decode("latin-1")
