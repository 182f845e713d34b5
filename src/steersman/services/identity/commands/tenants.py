"""`steersman tenant ...`: tenants are added, renamed and disabled; never deleted, because records keep their ids."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from steersman.services.identity.commands.speaking import HERE, Data, Url, ask, part

_Id = Annotated[str, typer.Argument(metavar="TENANT")]
_Title = Annotated[str, typer.Option(help="What people call it.")]


def show_all(url: Url = HERE, data: Data = None) -> None:
    """Print one line for each tenant."""
    for one in ask(url, data, "GET", "tenants"):
        state = "disabled" if one["disabled"] else "active"
        typer.echo(f"{one['id']:<24} {state:<9} {one['title']}".rstrip())


def add(id: _Id, title: _Title = "", url: Url = HERE, data: Data = None) -> None:
    """Add a tenant. Its first administrator: steersman user add NAME --role admin --invite --tenant TENANT."""
    made = ask(url, data, "POST", "tenants", {"id": id, "title": title})
    typer.echo(f"{made['id']} is added")


def rename(id: _Id, title: Annotated[str, typer.Argument(metavar="TITLE")], url: Url = HERE, data: Data = None) -> None:
    """Call a tenant something else; its id stays."""
    changed = _change(url, data, id, {"title": title})
    typer.echo(f"{changed['id']} is called {changed['title']}")


def disable(id: _Id, url: Url = HERE, data: Data = None) -> None:
    """Let nobody of a tenant in, at once; nothing of it is lost."""
    typer.echo(f"{_change(url, data, id, {'disabled': True})['id']} is disabled")


def enable(id: _Id, url: Url = HERE, data: Data = None) -> None:
    """Let the people of a tenant in again."""
    typer.echo(f"{_change(url, data, id, {'disabled': False})['id']} is enabled")


def _change(url: str, data: Any, id: str, body: dict[str, Any]) -> Any:
    return ask(url, data, "PATCH", f"tenants/{part(id)}", body)
