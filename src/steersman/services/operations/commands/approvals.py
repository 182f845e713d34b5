"""`steersman approval ...`: what waits for a second person on a running platform.

A person is asked for, so the token is one of a sign-in: the key of this machine's operator lists and rejects, and
confirms nothing.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from steersman.runtime.http.remote import call, found_token

_Url = Annotated[str, typer.Option(help="The address of the platform.")]
_Data = Annotated[Path | None, typer.Option(help="Its data directory, to read the token from.")]
_Id = Annotated[str, typer.Argument(metavar="ID")]
_Reason = Annotated[str, typer.Option(help="Why; it is kept, so name nobody in it.")]
_HERE = "http://127.0.0.1:7600"


def show(url: _Url = _HERE, data: _Data = None) -> None:
    """Print one line for each."""
    found = _ask(url, data, "GET", "")["approvals"]
    for one in found:
        typer.echo(_line(one))
    if not found:
        typer.echo("nothing waits that you asked for or could do")


def confirm(id: _Id, url: _Url = _HERE, data: _Data = None) -> None:
    """Agree. An action or a plan is done with it; an operation is repeated by whoever asked."""
    one = _ask(url, data, "POST", f"/{quote(id, safe='')}/confirm")
    rest = f"; {one['asked_by']} repeats the request now" if one["kind"] == "operation" else ""
    typer.echo(f"{one['operation']} is agreed to{rest}")


def reject(id: _Id, reason: _Reason = "", url: _Url = _HERE, data: _Data = None) -> None:
    """Say no; nothing of it is done."""
    one = _ask(url, data, "POST", f"/{quote(id, safe='')}/reject", {"reason": reason})
    typer.echo(f"{one['operation']} is rejected")


def withdraw(id: _Id, url: _Url = _HERE, data: _Data = None) -> None:
    """Take back your own wish."""
    one = _ask(url, data, "POST", f"/{quote(id, safe='')}/withdraw")
    typer.echo(f"{one['operation']} is withdrawn")


def _line(one: dict[str, Any]) -> str:
    until = datetime.fromtimestamp(one["expires_ms"] / 1000, UTC).strftime("%H:%M:%S UTC")
    missing = "agreed to, to be repeated" if one["state"] == "agreed" else "a second person is missing"
    args = f" {json.dumps(one['args'], ensure_ascii=False)}" if one["args"] else ""
    return f"{one['id']}  {one['operation']}{args}  asked by {one['asked_by']}, {missing} until {until}"


def _ask(url: str, data: Path | None, method: str, path: str, body: Any = None) -> Any:
    return call(url, method, f"/api/ops/approvals{path}", body, found_token(data))
