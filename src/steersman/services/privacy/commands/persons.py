"""`steersman privacy ...`: what a running platform keeps about persons. It asks the platform and opens no file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from steersman.model.errors import Conflict, Unauthenticated
from steersman.runtime.http.remote import call, found_token
from steersman.services.privacy.logic.archive import archive

Url = Annotated[str, typer.Option(help="The address of the platform.")]
Data = Annotated[Path | None, typer.Option(help="Its data directory, to read the token from.")]
HERE = "http://127.0.0.1:7600"
_Name = Annotated[str, typer.Argument(metavar="NAME")]
_Reason = Annotated[str, typer.Option(help="Why; it stands in the journal, so name nobody in it.")]
_Zip = Annotated[Path | None, typer.Option("--zip", help="Write a ZIP file of JSON and CSV files instead.")]
_Word = Annotated[bool | None, typer.Option("--name-is-a-word", help="Search texts for address and ids alone.")]
_Sure = Annotated[bool | None, typer.Option("--yes", help="Do not ask whether you are sure.")]


def record(url: Url = HERE, data: Data = None) -> None:
    """Print the record of processing, a few lines for each kind of data."""
    for one in _ask(url, data, "GET", "record"):
        typer.echo(f"{one['service']}.{one['name']}: {one['what']}")
        typer.echo(f"  purpose: {one['purpose']} ({one['basis']})")
        typer.echo(f"  kept:    {one['kept']}")
        if one["days"] is not None:
            typer.echo(f"  ends:    after {one['days']:g} days")
        typer.echo("  erasure: " + ("on request" if one["erased"] else f"stays: {one['stays']}"))
    if people := _ask(url, data, "GET", "holds"):
        typer.echo(f"under a legal hold, which stops erasure and time alike: {len(people)}")


def export(name: _Name, zip_file: _Zip = None, url: Url = HERE, data: Data = None) -> None:
    """Print all that is kept about somebody as JSON, with a digest over it, or write it as files."""
    told = _ask(url, data, "POST", f"{_person(name)}/export")
    if zip_file is None:
        typer.echo(json.dumps(told, indent=2))
        return
    try:
        descriptor = os.open(zip_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError as error:
        raise Conflict(f"{zip_file} is there already: name another file") from error
    with os.fdopen(descriptor, "wb") as out:
        out.write(archive(told))
    typer.echo(f"{zip_file}: {len(told['data'])} kinds of data")


def erase(
    name: _Name, reason: _Reason, word: _Word = None, yes: _Sure = None, url: Url = HERE, data: Data = None
) -> None:
    """Take away what is kept about somebody, and print what became of each kind."""
    if not yes:
        typer.confirm(f"All that is kept about {name} is taken away for good. Go on?", abort=True, err=True)
    wish = {"reason": reason, "name_is_a_word": bool(word)}
    _tell(_ask(url, data, "POST", f"{_person(name)}/erase", wish))


def erasures(url: Url = HERE, data: Data = None) -> None:
    """Print the erasures, the newest first."""
    for one in _ask(url, data, "GET", "erasures"):
        _tell(one)


def hold(name: _Name, reason: _Reason, url: Url = HERE, data: Data = None) -> None:
    """Place a legal hold: nothing about somebody is erased, by them or by time, until it is lifted."""
    _ask(url, data, "POST", f"{_person(name)}/hold", {"reason": reason})
    holds(url, data)


def release(name: _Name, reason: _Reason, url: Url = HERE, data: Data = None) -> None:
    """Lift a legal hold. An erasure that it stopped goes on."""
    _ask(url, data, "POST", f"{_person(name)}/release", {"reason": reason})
    holds(url, data)


def holds(url: Url = HERE, data: Data = None) -> None:
    """Print who is under a legal hold."""
    found = _ask(url, data, "GET", "holds")
    for one in found:
        typer.echo(f"the account {one['account']} is held: {one['reason']} (by {one['placed_by']})")
    if not found:
        typer.echo("nobody is under a legal hold")


def _person(name: str) -> str:
    return f"persons/{quote(name, safe='')}"


def _tell(erasure: dict[str, Any]) -> None:
    why = f", and does not go on: {erasure['trouble']}" if erasure["trouble"] else ""
    state = f"under way{why}" if erasure["done_ms"] is None else "done"
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
