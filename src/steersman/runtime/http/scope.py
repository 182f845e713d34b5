"""The keys under which the front and the framework's layer leave each other notes in the ASGI scope."""

from __future__ import annotations

from starlette.requests import Request
from starlette.types import Scope

from steersman.contract.ports import Caller
from steersman.model.errors import Unauthenticated

#: Who is calling, once the door has decided.
CALLER = "steersman.caller"
#: The route template that matched, for the counts.
TEMPLATE = "steersman.template"
#: The id that a failed request's caller was already given.
ERROR_ID = "steersman.error_id"

#: The host that a caller asked a trusted proxy for, as bytes.
PUBLIC_HOST = "steersman.public_host"


def caller_of(request: Request) -> Caller:
    """Return the caller whom the front admitted; raises `Unauthenticated` on an open path without a key."""
    caller: Caller | None = request.scope.get(CALLER)
    if caller is None:
        raise Unauthenticated("present the token: Authorization: Bearer ...")
    return caller


def address_of(scope: Scope) -> str:
    """Return the address of the caller: of the connection, or what a trusted proxy says of it."""
    client = scope.get("client")
    return client[0] if client else ""


def is_loopback(address: str) -> bool:
    """Tell whether that is this machine itself."""
    return address.startswith("127.") or address in {"::1", ""}


def wants_html(request: Request) -> bool:
    """Tell a person's browser from a program."""
    return request.method == "GET" and "text/html" in request.headers.get("accept", "")
