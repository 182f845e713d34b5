"""How these commands speak to a running platform, and how they take a value without showing it."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from steersman.runtime.http.remote import call, found_token

Url = Annotated[str, typer.Option(help="The address of the platform.")]
Data = Annotated[Path | None, typer.Option(help="Its data directory, to read the token from.")]
HERE = "http://127.0.0.1:7600"


def ask(url: str, data: Path | None, method: str, path: str, body: Any = None) -> Any:
    """Make one request with the token that is found on this machine."""
    return call(url, method, f"/api/secrets{path}", body, found_token(data))


def part(text: str) -> str:
    """Return a name as a part of an address."""
    return quote(text, safe="")


def taken_value() -> str:
    """Ask on a terminal without an echo; from a pipe, read all of it but one line feed at its end."""
    if sys.stdin.isatty():
        return getpass.getpass("Value: ")
    return sys.stdin.read().removesuffix("\n")
