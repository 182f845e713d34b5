"""`steersman secrets status|rotate|destroy`: the keys of a running platform."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from steersman.runtime.clock import SystemClock
from steersman.runtime.http.remote import call, found_token
from steersman.services.secrets.commands.speaking import HERE, Data, Url, ask, part

_EVERY_SECONDS = 0.5


def status(url: Url = HERE, data: Data = None) -> None:
    """Print one line for each key, and what is left."""
    _print(ask(url, data, "GET", "/keys"))


def rotate(
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until everything is renewed.")] = True,  # noqa: FBT002 - an option of a command
    url: Url = HERE,
    data: Data = None,
) -> None:
    """Make a new key; the platform renews in the background, also after a restart."""
    answer = call(url, "POST", "/api/secrets/actions/rotate", {"args": {}}, found_token(data))
    typer.echo(f"the new key is {answer['result']['active']}")
    if wait:
        asyncio.run(_wait(url, data))


def destroy(
    id: Annotated[str, typer.Argument(metavar="KEY")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,  # noqa: FBT002 - an option of a command
    url: Url = HERE,
    data: Data = None,
) -> None:
    """Forget a retired key. What only a backup holds under it cannot be read again."""
    if not yes:
        typer.confirm("No backup from before the rotation will open after this. Go on?", abort=True)
    _print(ask(url, data, "DELETE", f"/keys/{part(id)}"))


async def _wait(url: str, data: Path | None) -> None:
    clock, before = SystemClock(), -1
    while (told := await asyncio.to_thread(ask, url, data, "GET", "/keys"))["unfinished"]:
        if told["left"] != before:
            typer.echo(f"{told['sealed'] - told['left']} of {told['sealed']} are renewed", err=True)
            before = told["left"]
        await clock.sleep(_EVERY_SECONDS)
    _print(told)


def _print(told: Any) -> None:
    for key in told["keys"]:
        typer.echo(f"{key['id']}  {key['state']:<9} {key['values']} values")
    typer.echo(f"{told['left']} of {told['sealed']} values are to be renewed" if told["left"] else "all are up to date")
