"""How these commands speak to a running platform, and how they ask for a password without showing it."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer

from steersman.model.errors import InvalidInput, Unauthenticated
from steersman.runtime.http.remote import call, found_token

Url = Annotated[str, typer.Option(help="The address of the platform.")]
Data = Annotated[Path | None, typer.Option(help="Its data directory, to read the token from.")]
Elsewhere = Annotated[str, typer.Option("--tenant", help="In this tenant, for who may act in other tenants.")]
HERE = "http://127.0.0.1:7600"


def ask(url: str, data: Path | None, method: str, path: str, body: Any = None, **query: str) -> Any:
    """Make one request with the token that is found on this machine; what is empty in the query is left out."""
    given = urlencode({name: value for name, value in query.items() if value})
    try:
        return call(url, method, f"/api/identity/{path}" + (f"?{given}" if given else ""), body, found_token(data))
    except Unauthenticated as error:
        raise Unauthenticated(
            "the token found here is not that platform's: name its data directory with --data"
        ) from error


def part(text: str) -> str:
    """Return a name as a part of an address."""
    return quote(text, safe="")


def asked_password() -> str:
    """Ask twice on a terminal; from a pipe, read one line."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass("Password, at least 12 characters: ")
    if getpass.getpass("Once more: ") != first:
        raise InvalidInput("these were two different passwords")
    return first
