"""`steersman secret ...`: secrets of a running platform. No value stands in a command line, which others can see."""

from __future__ import annotations

from typing import Annotated

import typer

from steersman.services.secrets.commands.speaking import HERE, Data, Url, ask, part, taken_value

_Name = Annotated[str, typer.Argument(metavar="NAME")]


def put(
    name: _Name,
    note: Annotated[str, typer.Option(help="What it is for; shown in lists.")] = "",
    url: Url = HERE,
    data: Data = None,
) -> None:
    """Keep a value under a name."""
    ask(url, data, "PUT", f"/values/{part(name)}", {"value": taken_value(), "note": note})
    typer.echo(f"{name} is kept: write secret:{name} where its value is needed")


def show(url: Url = HERE, data: Data = None) -> None:
    """Print one line for each secret."""
    for one in ask(url, data, "GET", ""):
        typer.echo(f"{one['name']:<32} {one['note']}".rstrip())


def get(name: _Name, url: Url = HERE, data: Data = None) -> None:
    """Print a value."""
    typer.echo(ask(url, data, "GET", f"/values/{part(name)}")["value"])


def remove(name: _Name, url: Url = HERE, data: Data = None) -> None:
    """Forget a secret."""
    ask(url, data, "DELETE", f"/values/{part(name)}")
    typer.echo(f"{name} is forgotten")
