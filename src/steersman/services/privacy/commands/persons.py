"""`steersman privacy ...`: what a running platform keeps about persons. It asks the platform and opens no file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from steersman.model.errors import Unauthenticated
from steersman.runtime.http.remote import call, found_token

Url = Annotated[str, typer.Option(help="The address of the platform.")]
Data = Annotated[Path | None, typer.Option(help="Its data directory, to read the token from.")]
HERE = "http://127.0.0.1:7600"
_Name = Annotated[str, typer.Argument(metavar="NAME")]
_Reason = Annotated[str, typer.Option(help="Why; it stands in the journal, so name nobody in it.")]
_Sure = Annotated[bool | None, typer.Option("--yes", help="Do not ask whether you are sure.")]


def record(url: Url = HERE, data: Data = None) -> None:
    """Print the record of processing, a few lines for each kind of data."""
    for one in _ask(url, data, "GET", "record"):
        typer.echo(f"{one['service']}.{one['name']}: {one['what']}")
        typer.echo(f"  purpose: {one['purpose']} ({one['basis']})")
        typer.echo(f"  kept:    {one['kept']}")
        typer.echo("  erasure: " + ("on request" if one["erased"] else f"stays: {one['stays']}"))


def export(name: _Name, url: Url = HERE, data: Data = None) -> None:
    """Print all that is kept about somebody as JSON, with a digest over it."""
    typer.echo(json.dumps(_ask(url, data, "POST", f"persons/{quote(name, safe='')}/export"), indent=2))


def erase(name: _Name, reason: _Reason, yes: _Sure = None, url: Url = HERE, data: Data = None) -> None:
    """Take away what is kept about somebody, and print what became of each kind."""
    if not yes:
        typer.confirm(f"All that is kept about {name} is taken away for good. Go on?", abort=True, err=True)
    _tell(_ask(url, data, "POST", f"persons/{quote(name, safe='')}/erase", {"reason": reason}))


def erasures(url: Url = HERE, data: Data = None) -> None:
    """Print the erasures, the newest first."""
    for one in _ask(url, data, "GET", "erasures"):
        _tell(one)


def _tell(erasure: dict[str, Any]) -> None:
    state = "under way" if erasure["done_ms"] is None else "done"
    typer.echo(f"erasure {erasure['id']} of the account {erasure['account']}: {state}")
    for step in erasure["steps"]:
        typer.echo(f"  {step['service']}.{step['name']}: {step['outcome']}")


def _ask(url: str, data: Path | None, method: str, path: str, body: Any = None) -> Any:
    """Make one request with the token that is found on this machine."""
    try:
        return call(url, method, f"/api/privacy/{path}", body, found_token(data))
    except Unauthenticated as error:
        raise Unauthenticated(
            "the token found here is not that platform's: name its data directory with --data"
        ) from error
